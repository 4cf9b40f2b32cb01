// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/attention_pool.hpp"

#include <cmath>

namespace gasm {

AttentionPool::AttentionPool(std::int64_t dim, std::int64_t heads)
    : heads_(heads) {
  query_ = register_parameter("query", 0.02 * torch::randn({dim}));
  key_ = register_module(
      "key", Linear(torch::nn::LinearOptions(dim, dim).bias(false)));
  value_ = register_module("value", Linear(dim, dim));
}

at::Tensor AttentionPool::forward(at::Tensor const& x, TraceScope const& trace,
                                  char const* name) {
  std::int64_t const dim = x.size(-1), d = dim / heads_;
  // [H, 1, d] x [H, d, D]: what each head looks for in a token.
  at::Tensor const wanted = at::matmul(query_.view({heads_, 1, d}),
                                       key_->weight.view({heads_, d, dim})) /
                            std::sqrt(static_cast<double>(d));
  at::Tensor const weight =
      linear_map(x, wanted.squeeze(1), {}).softmax(1).transpose(1, 2);
  trace.record(name, weight);
  at::Tensor const mixed = at::matmul(weight, x).transpose(0, 1);
  at::Tensor const value = value_->weight.view({heads_, d, dim});
  at::Tensor const heads = at::matmul(mixed, value.transpose(1, 2));
  return heads.transpose(0, 1).flatten(1) + value_->bias;
}

}  // namespace gasm
