// SPDX-License-Identifier: Apache-2.0
#include "clip_gradient.hpp"

#include <torch/torch.h>

namespace gasm {

double gradient_norm(at::Tensor const& blocks, at::Tensor const& order) {
  return at::linalg_vector_norm(blocks, 2, at::IntArrayRef{1})
      .to(at::kDouble)
      .index_select(0, order)
      .norm()
      .item<double>();
}

void clip_gradient(at::Tensor const& flat, double norm, double clip_norm) {
  if (clip_norm > 0 && norm > clip_norm) flat.mul_(clip_norm / (norm + 1e-6));
}

}  // namespace gasm
