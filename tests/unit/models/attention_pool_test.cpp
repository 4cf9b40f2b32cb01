// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/attention_pool.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace gasm {
namespace {

/// Every key and value by itself, in double precision.
at::Tensor pool_by_loops(AttentionPool& pool, at::Tensor const& x,
                         std::int64_t heads) {
  auto p = pool.named_parameters();
  auto const real = [&](char const* name) { return p[name].to(at::kDouble); };
  at::Tensor const seen = x.to(at::kDouble);
  at::Tensor const keys = at::matmul(seen, real("key.weight").t());
  at::Tensor const values =
      at::matmul(seen, real("value.weight").t()) + real("value.bias");
  std::int64_t const dim = x.size(2), d = dim / heads;
  at::Tensor const pooled = at::zeros({x.size(0), dim}, at::kDouble);
  for (std::int64_t b = 0; b < x.size(0); ++b)
    for (std::int64_t h = 0; h < heads; ++h) {
      at::Tensor const query = real("query").narrow(0, h * d, d);
      double total = 0.0;
      at::Tensor sum = at::zeros({d}, at::kDouble);
      for (std::int64_t t = 0; t < x.size(1); ++t) {
        double const logit =
            keys[b][t].narrow(0, h * d, d).dot(query).item<double>() /
            std::sqrt(static_cast<double>(d));
        total += std::exp(logit);
        sum += std::exp(logit) * values[b][t].narrow(0, h * d, d);
      }
      pooled[b].narrow(0, h * d, d) = sum / total;
    }
  return pooled;
}

class PoolHeads : public testing::TestWithParam<std::int64_t> {};

TEST_P(PoolHeads, EqualsLoopsOverTokens) {
  torch::manual_seed(1);
  AttentionPool pool(16, GetParam());
  at::NoGradGuard const no_grad;
  pool.named_parameters()["query"].normal_(0.0, 2.0);
  at::Tensor const x = torch::randn({3, 5, 16});
  Trace trace;
  at::Tensor const got = pool.forward(x, TraceScope(&trace), "pool");
  EXPECT_TRUE(at::allclose(got.to(at::kDouble),
                           pool_by_loops(pool, x, GetParam()), 1e-4, 1e-5));
  EXPECT_EQ(trace.at("pool").sizes(),
            (std::vector<std::int64_t>{3, GetParam(), 5}));
  EXPECT_TRUE(
      at::allclose(trace.at("pool").sum(-1), at::ones({3, GetParam()})));
}

INSTANTIATE_TEST_SUITE_P(Heads, PoolHeads, testing::Values(1, 4, 16));

TEST(AttentionPool, StartsNearTheMean) {
  torch::manual_seed(1);
  AttentionPool pool(64, 8);
  at::Tensor const x = at::layer_norm(torch::randn({2, 10, 64}), {64});
  Trace trace;
  pool.forward(x, TraceScope(&trace), "pool");
  EXPECT_LT((trace.at("pool") - 0.1).abs().max().item<double>(), 0.03);
}

}  // namespace
}  // namespace gasm
