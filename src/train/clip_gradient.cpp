// SPDX-License-Identifier: Apache-2.0
#include "clip_gradient.hpp"

#include <torch/torch.h>

namespace gasm {

void clip_gradient(at::Tensor const& flat, double norm, double clip_norm) {
  if (clip_norm > 0 && norm > clip_norm) flat.mul_(clip_norm / (norm + 1e-6));
}

}  // namespace gasm
