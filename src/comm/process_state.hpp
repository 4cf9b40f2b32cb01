// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace gasm {

enum class ProcessState { stopped, alive, gone };

/// What the kernel says of a process of this host.
ProcessState process_state(std::int64_t pid, std::string& words);

}  // namespace gasm
