// SPDX-License-Identifier: Apache-2.0
#include "mixed_loss.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace gasm {
namespace {

MicroBatch make_batch(double own_share) {
  MicroBatch batch;
  batch.samples = {0, 1, 2};
  batch.labels = at::tensor({1, 0, 3}, at::kLong);
  batch.own_share = own_share;
  if (own_share < 1.0) batch.other_labels = batch.labels.flip(0);
  return batch;
}

at::Tensor make_logits() {
  return at::tensor(
             {0.3, -1.2, 2.0, 0.1, 1.5, 0.2, -0.7, 0.0, -2.0, 0.4, 0.9, 3.1})
      .view({3, 4})
      .to(at::kFloat);
}

double cross_entropy(at::Tensor const& targets) {
  auto const log_p = make_logits().to(at::kDouble).log_softmax(1);
  return -(targets * log_p).sum().item<double>();
}

// timm's mixup_target: off = smoothing / K = 0.025, on = 1 - 0.1 + off = 0.925,
// y = 0.7 y1 + 0.3 y2; 0.655 = 0.7 * 0.925 + 0.3 * 0.025, 0.295 the other way.
TEST(MixedLoss, HasTheSoftTargetsOfTimm) {
  auto const targets = at::tensor({0.025, 0.655, 0.025, 0.295, 0.925, 0.025,
                                   0.025, 0.025, 0.025, 0.295, 0.025, 0.655})
                           .view({3, 4})
                           .to(at::kDouble);
  auto const loss = mixed_loss(make_logits(), make_batch(0.7), 0.1);
  EXPECT_NEAR(loss.item<double>(), cross_entropy(targets), 1e-5);
}

TEST(MixedLoss, WithoutMixingIsSmoothedCrossEntropy) {
  auto const targets = at::tensor({0.025, 0.925, 0.025, 0.025, 0.925, 0.025,
                                   0.025, 0.025, 0.025, 0.025, 0.025, 0.925})
                           .view({3, 4})
                           .to(at::kDouble);
  auto const loss = mixed_loss(make_logits(), make_batch(1.0), 0.1);
  EXPECT_NEAR(loss.item<double>(), cross_entropy(targets), 1e-5);
}

TEST(MixedLoss, ItsGradientIsProbabilityMinusTarget) {
  auto logits = make_logits().requires_grad_();
  mixed_loss(logits, make_batch(0.25), 0.0).backward();
  auto const targets = at::tensor({0.0, 0.25, 0.0, 0.75, 1.0, 0.0, 0.0, 0.0,
                                   0.0, 0.75, 0.0, 0.25})
                           .view({3, 4})
                           .to(at::kFloat);
  auto const expected = make_logits().softmax(1) - targets;
  EXPECT_LT((logits.grad() - expected).abs().max().item<double>(), 1e-6);
}

// The highest logits are those of classes 2, 0 and 3; labels 1 0 3, in reverse
// 3 0 1.
TEST(CountTop1, CountsTheHeavierLabel) {
  EXPECT_EQ(count_top1(make_logits(), make_batch(1.0)), 2);
  EXPECT_EQ(count_top1(make_logits(), make_batch(0.5)), 2);
  EXPECT_EQ(count_top1(make_logits(), make_batch(0.4)), 1);
}

}  // namespace
}  // namespace gasm
