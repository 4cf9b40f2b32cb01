// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "gasm/models/linear.hpp"
#include "gasm/models/trace.hpp"

namespace gasm {

/// Multi-head attention pooling by a learned query q [D]: x [B, T, D] -> [B,
/// D]. For head h of H, with d = D / H and its d rows of each matrix,
///
///   a_t = softmax_t(q_h . (K_h x_t) / sqrt(d)),   out_h = V_h sum_t a_t x_t +
///   b_h
///
/// (one seed of Lee et al., Set Transformer, 2019, without the output matrix,
/// which the head of the model follows directly, and without a bias on K,
/// which would shift all logits alike). Neither K nor V is applied to the
/// tokens one by one: K_h^T q_h is one vector, and V_h follows the sum.
/// Names: query, key.weight, value.*. The query starts small: near the mean.
class AttentionPool : public torch::nn::Module {
 public:
  AttentionPool(std::int64_t dim, std::int64_t heads);
  /// Records the weights [B, H, T] as `name`.
  at::Tensor forward(at::Tensor const& x, TraceScope const& trace,
                     char const* name);

 private:
  std::int64_t heads_;
  at::Tensor query_;
  Linear key_{nullptr}, value_{nullptr};
};

}  // namespace gasm
