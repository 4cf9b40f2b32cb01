// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace gasm {

/// The name of this machine, or "unknown".
std::string host_name();

}  // namespace gasm
