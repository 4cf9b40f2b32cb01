// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

namespace gasm {

/// torch::nn::Linear, computed by at::linear as in Python. LibTorch's own
/// forward multiplies with a view of the weight, which autocast casts anew at
/// each use, and adds the bias in a pass of its own.
class LinearImpl : public torch::nn::LinearImpl {
 public:
  using torch::nn::LinearImpl::LinearImpl;
  at::Tensor forward(at::Tensor const& x) {
    return at::linear(x, weight, bias);
  }
};
TORCH_MODULE(Linear);

}  // namespace gasm
