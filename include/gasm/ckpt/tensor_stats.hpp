// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace gasm {

/// What the values of a tensor are like, computed in fp64.
struct TensorStats {
  std::int64_t num_nan = 0;
  std::int64_t num_inf = 0;
  std::int64_t num_finite = 0;
  /// Of the finite values; NaN if there are none. `std` is that of a
  /// population: divided by their number.
  double mean = 0.0;
  double std = 0.0;
  double min = 0.0;
  double max = 0.0;
};

/// Of a tensor on the CPU of any type that safetensors has; bool counts as 0
/// and 1.
TensorStats measure_tensor(at::Tensor const& tensor);

}  // namespace gasm
