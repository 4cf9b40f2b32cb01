// SPDX-License-Identifier: Apache-2.0
#include "clip_gradient.hpp"

#include <torch/torch.h>

#include "gasm/comm/tree_exchange.hpp"

namespace gasm {

at::Tensor block_norms(at::Tensor const& flat) {
  return at::linalg_vector_norm(
             flat.view({-1, static_cast<std::int64_t>(kOwnedBlock)}), 2,
             at::IntArrayRef{1})
      .to(at::kDouble);
}

double norm_of_blocks(at::Tensor const& norms, at::Tensor const& order) {
  return norms.index_select(0, order).norm().item<double>();
}

void clip_gradient(at::Tensor const& flat, double norm, double clip_norm) {
  if (clip_norm > 0 && norm > clip_norm) flat.mul_(clip_norm / (norm + 1e-6));
}

}  // namespace gasm
