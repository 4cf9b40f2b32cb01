// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "gasm/record/run_status.hpp"

namespace gasm {

/// What gasm runs prints: a line for each run under a heading.
std::string runs_table(std::vector<RunStatus> const& runs);

/// The same as a JSON array (docs/formats.md).
std::string runs_json(std::vector<RunStatus> const& runs);

}  // namespace gasm
