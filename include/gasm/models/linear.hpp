// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

namespace gasm {

/// x W^T + b as at::linear, forward and backward: x [..., in], weight
/// [out, in], bias [out] or undefined, to [..., out]. Where LibTorch multiplies
/// fp32 matrices with MKL on a processor of another maker than MKL's, they are
/// multiplied with oneDNN, whose code for such processors is faster. Sums may
/// then differ from at::linear's in the last bits; they are the same at each
/// call.
at::Tensor linear_map(at::Tensor const& x, at::Tensor const& weight,
                      at::Tensor const& bias);

/// Whether linear_map() multiplies with oneDNN here, where it is worth it. Not
/// while LibTorch's switch for it is off (at::Context::setUserEnabledMkldnn).
bool multiplies_with_onednn();

/// torch::nn::Linear, computed by linear_map(). LibTorch's own forward
/// multiplies with a view of the weight, which autocast casts anew at each use,
/// and adds the bias in a pass of its own.
class LinearImpl : public torch::nn::LinearImpl {
 public:
  using torch::nn::LinearImpl::LinearImpl;
  at::Tensor forward(at::Tensor const& x) {
    return linear_map(x, weight, bias);
  }
};
TORCH_MODULE(Linear);

}  // namespace gasm
