// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "gasm/config/field.hpp"

namespace gasm {

/// Where the last linear layer of a recogniser starts from.
enum class HeadStart { weights, fresh };
constexpr auto choices(HeadStart) {
  return std::array{Choice{HeadStart::weights, "weights"},
                    Choice{HeadStart::fresh, "fresh"}};
}

}  // namespace gasm
