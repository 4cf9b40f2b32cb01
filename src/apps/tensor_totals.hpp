// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "gasm/ckpt/safetensors.hpp"

namespace gasm {

/// Of all tensors of a file, or of their layouts.
struct TensorTotals {
  std::int64_t num_values = 0;
  std::uint64_t num_bytes = 0;
};

TensorTotals totals_of(TensorFile const& file);

}  // namespace gasm
