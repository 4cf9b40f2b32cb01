// SPDX-License-Identifier: Apache-2.0
#include "clip_gradient.hpp"

#include <torch/torch.h>

namespace gasm {

double gradient_norm(at::Tensor const& flat) {
  std::vector<at::Tensor> const norms = at::_foreach_norm(flat.split(1 << 11));
  return at::stack(norms).to(at::kDouble).norm().item<double>();
}

void clip_gradient(at::Tensor const& flat, double norm, double clip_norm) {
  if (clip_norm > 0 && norm > clip_norm) flat.mul_(clip_norm / (norm + 1e-6));
}

}  // namespace gasm
