// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "gasm/comm/values.hpp"

namespace gasm {

/// What one rank contributes to a sum: numbers as they are stored, and what
/// they are multiplied by.
struct Addend {
  std::byte const* data = nullptr;
  float factor = 1.0f;
};

/// `out` (host memory) becomes the reduction of the addends, which have as
/// many numbers of its type: added as floats in their order, divided by their
/// number for a mean, and rounded once. `out` may be one of the addends.
void add_in_order(std::span<Addend const> addends, Reduction::Kind kind,
                  Values out);

}  // namespace gasm
