// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace gasm {

/// "0.4 s", "12 s", "3 min 05 s", "2 h 05 min", "4 d 03 h". Less than nothing,
/// which clocks that were set back give, is "0 s"; no number, or more than
/// 1000 days, "?".
std::string duration_text(double seconds);

}  // namespace gasm
