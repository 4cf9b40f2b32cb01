// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "gasm/models/linear.hpp"

namespace gasm {

/// The small parts every model is made of.
///
/// Everything random here (dropout, drop-path) draws from torch's default
/// generator of the tensor's device. Whoever trains calls
/// torch::manual_seed(mix_key({seed, step, micro_batch})) before each
/// micro-batch, so that the draws depend on that key and on nothing else.

/// x with a sample's whole value (dimension 0) set to zero with the given
/// probability and the others scaled by 1 / (1 - probability): stochastic
/// depth (Huang et al., 2016). x itself outside training or at 0.
at::Tensor drop_path(at::Tensor const& x, double probability, bool training);

/// x [A, T, D] -> [A, heads, T, D / heads].
at::Tensor split_heads(at::Tensor const& x, std::int64_t heads);

/// x [A, heads, T, d] -> [A, T, heads * d].
at::Tensor join_heads(at::Tensor const& x);

/// fc2(dropout(gelu(fc1 x))) with exact (erf) GELU; the hidden width is
/// max(1, round(dim * ratio)), half to even. Names: fc1.*, fc2.*.
class Ffn : public torch::nn::Module {
 public:
  Ffn(std::int64_t dim, double ratio, double dropout);
  at::Tensor forward(at::Tensor const& x);

 private:
  Linear fc1_{nullptr}, fc2_{nullptr};
  double dropout_;
};

/// A LayerNorm over the last dimension, eps 1e-5 unless said.
torch::nn::LayerNorm make_layer_norm(std::int64_t dim, double eps = 1e-5);

/// Registers a tensor that moves with its module but is a function of the
/// options, so it is not part of the state dict (named_tensors.hpp).
at::Tensor register_constant(torch::nn::Module& module, char const* name,
                             at::Tensor value);

}  // namespace gasm
