// SPDX-License-Identifier: Apache-2.0
#include "gasm/eval/evaluate.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include <nlohmann/json.hpp>

namespace gasm {
namespace {

// By statsmodels.stats.proportion.proportion_confint(method="wilson",
// alpha=0.01) 0.15.0.
TEST(WilsonInterval, IsThatOfStatsmodels) {
  struct Case {
    double share;
    std::int64_t num;
    double low, high;
  };
  for (auto const& [share, num, low, high] :
       {Case{1.0, 40, 0.857726786, 1.0}, Case{0.0, 40, 0.0, 0.142273214},
        Case{0.25, 600, 0.207366867, 0.298101741}}) {
    auto const interval = wilson_interval(share, num);
    EXPECT_NEAR(interval.low, low, 1e-8) << share << " of " << num;
    EXPECT_NEAR(interval.high, high, 1e-8) << share << " of " << num;
  }
  EXPECT_EQ(wilson_interval(0.5, 0).low, 0);
  EXPECT_EQ(wilson_interval(0.5, 0).high, 1);
}

// Two samples of two views; logits are logarithms of probabilities.
TEST(AverageViews, AveragesProbabilitiesOrLogits) {
  auto const p = at::tensor({0.8, 0.2, 0.1, 0.9, 0.5, 0.5, 0.25, 0.75})
                     .view({4, 2})
                     .to(at::kDouble);
  auto const mean = average_views(p.log(), 2, ViewAverage::softmax).exp();
  EXPECT_TRUE(mean.allclose(
      at::tensor({0.45, 0.55, 0.375, 0.625}).view({2, 2}).to(at::kDouble)));
  // The geometric mean: sqrt(.8 .1) : sqrt(.2 .9) = 2 : 3, and 1 : sqrt(3).
  auto const geometric =
      average_views(p.log() + 7.0, 2, ViewAverage::logits).softmax(1);
  double const third = 1.0 / (1.0 + std::sqrt(3.0));
  EXPECT_TRUE(geometric.allclose(
      at::tensor({0.4, 0.6, third, 1.0 - third}).view({2, 2}).to(at::kDouble)));
  EXPECT_TRUE(average_views(p, 1, ViewAverage::softmax).equal(p));
}

TEST(AverageViews, AClassThatAllRuleOutHasAFiniteLoss) {
  auto const logits = at::tensor({300.0F, 0.0F, 300.0F, 0.0F}).view({2, 2});
  auto const mean = average_views(logits, 2, ViewAverage::softmax);
  EXPECT_FLOAT_EQ(mean[0][1].item<float>(), -300.0F);
}

TEST(EvalJson, NamesClassesThatTheDataHave) {
  EvalResult result;
  result.num_clips = 4;
  result.top1 = 0.5;
  // The model has a class more than the data.
  result.classes = {{3, 1, 3}, {1, 1, 1}, {0, 0, 0}};
  auto const json = nlohmann::json::parse(eval_json(result, {"a", "b"}));
  EXPECT_EQ(json.at("num_clips"), 4);
  EXPECT_EQ(json.at("classes").size(), 2U);
  EXPECT_DOUBLE_EQ(json.at("classes").at("a").at("top1"), 1.0 / 3);
  EXPECT_DOUBLE_EQ(json.at("classes").at("a").at("top5"), 1.0);
  EXPECT_EQ(json.at("classes").at("b").at("clips"), 1);
}

}  // namespace
}  // namespace gasm
