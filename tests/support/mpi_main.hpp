// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "gasm/comm/communicator.hpp"
#include "gasm/comm/watchdog.hpp"

namespace gasm {

/// All ranks of the test program.
Communicator const& test_world();

/// The watchdog that guards each test: 20 s (GASM_TEST_DEADLINE_S, a number
/// in the environment, overrides it), then the program ends with code 75.
/// A slow test calls progress(), or opens a Phase of its own.
Watchdog& test_watchdog();

/// A new folder that all ranks see; removed when all ranks have run all tests.
/// Collective.
std::filesystem::path shared_temp_folder();

}  // namespace gasm
