// SPDX-License-Identifier: Apache-2.0
#include "gasm/eval/evaluate.hpp"

#include <gtest/gtest.h>

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
