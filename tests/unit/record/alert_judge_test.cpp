// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/alert_judge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace gasm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

MetricsLine line_of(std::int64_t step, std::string split,
                    std::vector<std::pair<std::string, double>> values) {
  return {1.0, step, 0.5, std::move(split), std::move(values)};
}

std::vector<std::string> kinds(std::vector<Alert> const& alerts) {
  std::vector<std::string> found;
  for (auto const& alert : alerts) found.push_back(alert.kind);
  return found;
}

/// 40 losses 1.9, 2.1, 1.9, ...: median 2, MAD 0.1, so that ten deviations
/// end at 2 + 10 * 0.14826 = 3.4826.
AlertJudge judge_of_forty(AlertLimits limits = {}) {
  AlertJudge judge(limits);
  for (int step = 1; step <= 40; ++step)
    judge.judge(line_of(step, "train", {{"loss", step % 2 ? 1.9 : 2.1}}));
  return judge;
}

TEST(AlertJudge, SpikesAreAboveTheMedianByTenDeviations) {
  auto judge = judge_of_forty();
  EXPECT_THAT(judge.judge(line_of(41, "train", {{"loss", 3.48}})), IsEmpty());
  judge = judge_of_forty();
  auto const found = judge.judge(line_of(41, "train", {{"loss", 3.49}}));
  ASSERT_THAT(kinds(found), ElementsAre("loss_spike"));
  EXPECT_EQ(found[0].step, 41);
  EXPECT_EQ(found[0].text,
            "The loss is 3.49 at step 41 (the median of the last 40 lines is "
            "2, the limit 3.483).");
}

TEST(AlertJudge, SpikesNeedTwentyLinesBefore) {
  AlertJudge judge({});
  for (int step = 1; step <= 19; ++step)
    judge.judge(line_of(step, "train", {{"loss", 1.0}}));
  EXPECT_THAT(judge.judge(line_of(20, "train", {{"loss", 100}})), IsEmpty());
  EXPECT_THAT(kinds(judge.judge(line_of(21, "train", {{"loss", 101}}))),
              ElementsAre("loss_spike"));
}

TEST(AlertJudge, ALossNearZeroMayVaryByHalfANat) {
  AlertJudge judge({});
  for (int step = 1; step <= 30; ++step)
    judge.judge(line_of(step, "train", {{"loss", 0.001}}));
  EXPECT_THAT(judge.judge(line_of(31, "train", {{"loss", 0.5}})), IsEmpty());
  EXPECT_THAT(kinds(judge.judge(line_of(32, "train", {{"loss", 0.502}}))),
              ElementsAre("loss_spike"));
}

TEST(AlertJudge, NumbersThatAreNoneAreNamedAndForgotten) {
  auto judge = judge_of_forty();
  auto const found = judge.judge(
      line_of(41, "train",
              {{"loss", kNan},
               {"grad_norm", -std::numeric_limits<double>::infinity()}}));
  ASSERT_THAT(kinds(found), ElementsAre("non_finite", "non_finite"));
  EXPECT_EQ(found[0].text,
            "train loss is nan at step 41 (not a finite number).");
  EXPECT_EQ(found[1].text,
            "train grad_norm is -inf at step 41 (not a finite number).");
  EXPECT_THAT(kinds(judge.judge(line_of(42, "train", {{"loss", 3.49}}))),
              ElementsAre("loss_spike"));
}

TEST(AlertJudge, ValidationsAreHeldAgainstTheBest) {
  AlertJudge judge({.top1_drop = 0.25});
  for (double const top1 : {0.1, 0.75, kNan, 0.5})
    EXPECT_THAT(judge.judge(line_of(10, "val", {{"top1", top1}})),
                std::isnan(top1) ? testing::SizeIs(1) : testing::SizeIs(0));
  auto const found = judge.judge(line_of(20, "val", {{"top1", 0.4999}}));
  ASSERT_THAT(kinds(found), ElementsAre("validation_regression"));
  EXPECT_THAT(found[0].text,
              HasSubstr("49.99 % at step 20 (it was 75.00 % at step 10)"));
}

TEST(AlertJudge, DataWaitIsTheMeanOfFiveLines) {
  AlertJudge judge({.data_wait = 0.5});
  for (double const wait : {1.0, 1.0, 0.0, 0.0})
    EXPECT_THAT(judge.judge(line_of(1, "train", {{"data_wait", wait}})),
                IsEmpty());
  EXPECT_THAT(judge.judge(line_of(5, "train", {{"data_wait", 0.5}})),
              IsEmpty());
  // 1, 0, 0, 0.5, 1: the mean is exactly the limit.
  EXPECT_THAT(judge.judge(line_of(6, "train", {{"data_wait", 1}})), IsEmpty());
  for (double const wait : {0.6, 0.6})
    judge.judge(line_of(7, "train", {{"data_wait", wait}}));
  EXPECT_THAT(kinds(judge.judge(line_of(8, "train", {{"data_wait", 0.6}}))),
              ElementsAre("data_wait"));
  EXPECT_THAT(judge.judge(line_of(8, "data", {{"data_wait", 0.9}})), IsEmpty());
}

TEST(AlertJudge, BadClipsAreThoseOfAHundredSteps) {
  // 1 % of 100 steps of 4 clips is 4 clips.
  AlertJudge judge({.bad_clips = 0.01, .clips_per_step = 4});
  EXPECT_FALSE(judge.judge_bad_clips(1, 4));
  EXPECT_FALSE(judge.judge_bad_clips(101, 1));  // step 1 is out by now
  EXPECT_FALSE(judge.judge_bad_clips(150, 3));
  auto const found = judge.judge_bad_clips(200, 1);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, "decode_errors");
  EXPECT_THAT(found->text, HasSubstr("5 clips of the last 100 steps"));
}

TEST(AlertJudge, ZeroSwitchesOff) {
  auto judge = judge_of_forty({.loss_spike = 0,
                               .top1_drop = 0,
                               .data_wait = 1,
                               .bad_clips = 1,
                               .clips_per_step = 4});
  for (int step = 41; step < 50; ++step)
    EXPECT_THAT(
        judge.judge(line_of(step, "train", {{"loss", 1e9}, {"data_wait", 1}})),
        IsEmpty());
  judge.judge(line_of(1, "val", {{"top1", 1}}));
  EXPECT_THAT(judge.judge(line_of(2, "val", {{"top1", 0}})), IsEmpty());
  EXPECT_FALSE(judge.judge_bad_clips(1, 400));
}

}  // namespace
}  // namespace gasm
