// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace gasm::record_detail {

/// The name of this machine, or "unknown".
std::string host_name();

}  // namespace gasm::record_detail
