// SPDX-License-Identifier: Apache-2.0
#include "step_guard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace gasm {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(StepHealthTest, TellsOverflowFromTheRest) {
  LossScale const low{.value = 1.0}, high{.value = 2.0};
  auto const none = at::Tensor();
  EXPECT_EQ(health_of(1.0, 2.0, none, low), StepHealth::finite);
  EXPECT_EQ(health_of(1.0, 2.0, at::empty({0}), low), StepHealth::finite);
  EXPECT_EQ(health_of(1.0, 2.0, at::ones({3}), low), StepHealth::finite);
  EXPECT_EQ(health_of(1.0, kNan, none, high), StepHealth::overflow);
  EXPECT_EQ(health_of(1.0, kInf, none, high), StepHealth::overflow);
  EXPECT_EQ(health_of(1.0, kInf, none, low), StepHealth::not_finite);
  EXPECT_EQ(health_of(kNan, kNan, none, high), StepHealth::not_finite);
  EXPECT_EQ(health_of(-kInf, 1.0, none, high), StepHealth::not_finite);
  for (double const bad : {kNan, kInf, -kInf}) {
    auto const statistics = at::tensor({1.0, bad, 2.0}, at::kFloat);
    EXPECT_EQ(health_of(1.0, 2.0, statistics, low), StepHealth::not_finite);
  }
}

TEST(SkippedStepsTest, ARowEndsWithAGoodStep) {
  SkippedSteps skipped;
  EXPECT_FALSE(skipped.is_beyond(0));
  skipped.count(StepHealth::not_finite);
  EXPECT_TRUE(skipped.is_beyond(0));
  EXPECT_FALSE(skipped.is_beyond(1));
  skipped.count(StepHealth::not_finite);
  EXPECT_TRUE(skipped.is_beyond(1));
  skipped.count(StepHealth::finite);
  EXPECT_FALSE(skipped.is_beyond(0));
  EXPECT_EQ(skipped.in_row, 0);
  EXPECT_EQ(skipped.total, 2);
}

TEST(SkippedStepsTest, OverflowsAreNoneOfTheBudget) {
  SkippedSteps skipped;
  for (int i = 0; i < 16; ++i) skipped.count(StepHealth::overflow);
  EXPECT_FALSE(skipped.is_beyond(0));
  skipped.count(StepHealth::not_finite);
  EXPECT_TRUE(skipped.is_beyond(0));
  EXPECT_EQ(skipped.total, 17);
}

TEST(DivergenceTest, SaysWhereAndWhatToTry) {
  SkippedSteps skipped;
  skipped.count(StepHealth::not_finite);
  auto const what = describe_fault(-kNan, kInf, "the loss of x on rank 2");
  std::string const first = divergence(8, what, skipped, {}).what();
  EXPECT_THAT(first, HasSubstr("at step 8 (loss nan, gradient norm inf"));
  EXPECT_THAT(first, HasSubstr("the loss of x on rank 2"));
  EXPECT_THAT(first, HasSubstr("train.max_skipped_steps: 3"));
  EXPECT_THAT(first, Not(HasSubstr("in a row")));

  TrainConfig train;
  train.max_skipped_steps = 1;
  skipped.count(StepHealth::not_finite);
  std::string const second = divergence(9, what, skipped, train).what();
  EXPECT_THAT(second, HasSubstr("2 steps in a row changed nothing"));
  EXPECT_THAT(second, Not(HasSubstr("max_skipped_steps")));
}

TEST(DivergenceTest, OfHalfPrecisionNamesTheLossScale) {
  SkippedSteps skipped;
  for (int i = 0; i < 16; ++i) skipped.count(StepHealth::overflow);
  skipped.count(StepHealth::not_finite);
  std::string const text =
      divergence(17, describe_fault(1.0, kInf, ""), skipped, {}).what();
  EXPECT_THAT(text, HasSubstr("17 steps in a row changed nothing, 16 of them"));
  EXPECT_THAT(text, HasSubstr("loss scale, which is down to 1)"));
  EXPECT_THAT(text, HasSubstr("Try train.precision: bf16"));
}

}  // namespace
}  // namespace gasm
