// SPDX-License-Identifier: Apache-2.0
#include "tensor_totals.hpp"

#include <ATen/core/Tensor.h>

namespace gasm {

TensorTotals totals_of(TensorFile const& file) {
  TensorTotals totals;
  for (auto const& [name, tensor] : file.tensors) {
    totals.num_values += tensor.numel();
    totals.num_bytes += tensor.nbytes();
  }
  return totals;
}

}  // namespace gasm
