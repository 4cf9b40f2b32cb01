// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/batch_norm.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

/// Mean and unbiased variance of each channel by summing in double.
struct Moments {
  std::vector<double> mean, var;
};

Moments naive_moments(at::Tensor const& x) {
  Moments moments;
  for (std::int64_t c = 0; c < x.size(1); ++c) {
    at::Tensor const values = x.select(1, c).to(at::kDouble).flatten();
    auto const n = static_cast<double>(values.numel());
    double sum = 0.0, squares = 0.0;
    for (std::int64_t i = 0; i < values.numel(); ++i)
      sum += values[i].item<double>();
    for (std::int64_t i = 0; i < values.numel(); ++i) {
      double const gap = values[i].item<double>() - sum / n;
      squares += gap * gap;
    }
    moments.mean.push_back(sum / n);
    moments.var.push_back(squares / (n - 1.0));
  }
  return moments;
}

class BatchNormShape
    : public testing::TestWithParam<std::vector<std::int64_t>> {};

TEST_P(BatchNormShape, NormalisesWithTheBatchAndRecordsIt) {
  torch::manual_seed(1);
  BatchNorm norm(3);
  {
    at::NoGradGuard const no_grad;
    norm.weight.copy_(at::tensor({1.0F, 2.0F, -1.0F}));
    norm.bias.copy_(at::tensor({0.0F, 0.5F, 1.0F}));
  }
  at::Tensor const x = 2.0 * torch::randn(GetParam()) + 3.0;
  at::Tensor const y = norm.forward(x);
  Moments const moments = naive_moments(x);
  auto const n = static_cast<double>(x.numel() / 3);
  for (std::int64_t c = 0; c < 3; ++c) {
    double const mean = moments.mean[static_cast<std::size_t>(c)];
    double const var = moments.var[static_cast<std::size_t>(c)];
    EXPECT_NEAR(norm.last_mean[c].item<double>(), mean, 1e-5);
    EXPECT_NEAR(norm.last_var[c].item<double>(), var, 1e-4);
    at::Tensor const wanted = (x.select(1, c) - mean) /
                                  std::sqrt(var * (n - 1) / n + 1e-5) *
                                  norm.weight[c] +
                              norm.bias[c];
    EXPECT_TRUE(at::allclose(y.select(1, c), wanted, 1e-4, 1e-5));
  }
  // The running statistics are the trainer's to move.
  EXPECT_TRUE(at::equal(norm.running_mean, at::zeros({3})));
  EXPECT_TRUE(at::equal(norm.running_var, at::ones({3})));
}

INSTANTIATE_TEST_SUITE_P(Shapes, BatchNormShape,
                         testing::Values(std::vector<std::int64_t>{7, 3},
                                         std::vector<std::int64_t>{2, 3, 4, 5},
                                         std::vector<std::int64_t>{2, 3, 2, 3,
                                                                   4}));

TEST(BatchNorm, GradientEqualsThatOfThePlainFormula) {
  torch::manual_seed(1);
  BatchNorm norm(3);
  at::Tensor const x = torch::randn({6, 3}).requires_grad_();
  at::Tensor const pull = torch::randn({6, 3});
  (norm.forward(x) * pull).sum().backward();
  at::Tensor const x2 = x.detach().clone().requires_grad_();
  at::Tensor const centred = x2 - x2.mean(0);
  at::Tensor const y = centred / (centred.square().mean(0) + 1e-5).sqrt();
  (y * pull).sum().backward();
  EXPECT_TRUE(at::allclose(x.grad(), x2.grad(), 1e-4, 1e-5));
  EXPECT_TRUE(norm.weight.grad().defined());
}

TEST(BatchNorm, EvaluationUsesTheRunningStatistics) {
  BatchNorm norm(2);
  norm.running_mean.copy_(at::tensor({1.0F, -1.0F}));
  norm.running_var.copy_(at::tensor({4.0F, 0.25F}));
  norm.eval();
  at::Tensor const y = norm.forward(at::tensor({3.0F, 0.0F}).view({1, 2}));
  EXPECT_NEAR(y[0][0].item<double>(), 1.0, 1e-5);
  EXPECT_NEAR(y[0][1].item<double>(), 2.0, 1e-4);
  EXPECT_FALSE(norm.last_mean.defined());
}

TEST(BatchNorm, RefusesABatchWithoutVariance) {
  BatchNorm norm(2);
  EXPECT_THROW(norm.forward(torch::randn({1, 2})), Error);
  norm.eval();
  EXPECT_NO_THROW(norm.forward(torch::randn({1, 2})));
}

/// Two norms, one of them frozen on demand.
class TwoNorms : public torch::nn::Module {
 public:
  TwoNorms() {
    first = register_module("first", std::make_shared<BatchNorm>(2));
    second = register_module("second", std::make_shared<BatchNorm>(3));
  }
  std::shared_ptr<BatchNorm> first, second;
};

TEST(RunningUpdate, AveragesOverMicroBatchesAndMovesOnce) {
  torch::manual_seed(9);
  TwoNorms model;
  auto const norms = collect_batch_norms(model);
  ASSERT_EQ(norms.size(), 2u);
  EXPECT_EQ(norms[0], model.first.get());
  EXPECT_EQ(num_statistics(norms), 10);
  EXPECT_THROW(batch_statistics(norms), Error);

  std::vector<double> mean(3, 0.0), var(3, 0.0);
  at::Tensor sum = at::zeros({10});
  constexpr int kMicroBatches = 4;
  for (int i = 0; i < kMicroBatches; ++i) {
    model.first->forward(torch::randn({5, 2}));
    at::Tensor const x = torch::randn({5, 3}) + i;
    model.second->forward(x);
    Moments const moments = naive_moments(x);
    for (std::size_t c = 0; c < 3; ++c) {
      mean[c] += moments.mean[c] / kMicroBatches;
      var[c] += moments.var[c] / kMicroBatches;
    }
    sum += batch_statistics(norms);
  }
  apply_running_update(norms, sum / kMicroBatches);
  for (std::int64_t c = 0; c < 3; ++c) {
    auto const i = static_cast<std::size_t>(c);
    EXPECT_NEAR(model.second->running_mean[c].item<double>(), 0.1 * mean[i],
                1e-5);
    EXPECT_NEAR(model.second->running_var[c].item<double>(), 0.9 + 0.1 * var[i],
                1e-5);
  }
  EXPECT_EQ(model.second->num_batches_tracked.item<int>(), 1);
  EXPECT_THROW(apply_running_update(norms, at::zeros({9})), Error);
}

TEST(RunningUpdate, LeavesFrozenNormsAlone) {
  TwoNorms model;
  model.first->weight.set_requires_grad(false);
  auto const norms = collect_batch_norms(model);
  ASSERT_EQ(norms.size(), 1u);
  EXPECT_EQ(norms[0], model.second.get());
}

}  // namespace
}  // namespace gasm
