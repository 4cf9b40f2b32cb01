// SPDX-License-Identifier: Apache-2.0
#include "save_schedule.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gasm {
namespace {

using ::testing::HasSubstr;

struct FakeClock {
  double now_s = 1000.0;
  SaveSchedule schedule(CheckpointConfig const& config) {
    return SaveSchedule(config, [this] { return now_s; });
  }
};

CheckpointConfig minutes(double every) {
  CheckpointConfig config;
  config.every_minutes = every;
  return config;
}

CheckpointConfig automatic(double mtbf_hours) {
  CheckpointConfig config;
  config.interval = SaveInterval::automatic;
  config.mtbf_hours = mtbf_hours;
  return config;
}

/// Daly's model of the share of the time that is not progress: a segment of
/// `interval` and its save must be free of failures that come as a Poisson
/// process; restarting is free.
double time_per_progress(double interval_s, double cost_s, double mtbf_s) {
  return mtbf_s * std::expm1((interval_s + cost_s) / mtbf_s) / interval_s;
}

TEST(OptimumSaveInterval, IsYoungsWhereSavesAreCheap) {
  // sqrt(2 * 2 s * 10,000 s) = 200 s; the corrections are 200/3 * 0.01 + ...
  EXPECT_NEAR(optimum_save_interval_s(2, 10000), 200, 2);
  EXPECT_NEAR(optimum_save_interval_s(2e-3, 1e7), 200, 2e-3);
}

TEST(OptimumSaveInterval, IsDalysSeriesByHand) {
  // cost 2, mtbf 100: sqrt(400) (1 + 0.1 / 3 + 0.01 / 9) - 2.
  EXPECT_NEAR(optimum_save_interval_s(2, 100), 18.0 + 20 * (0.1 / 3 + 0.01 / 9),
              1e-12);
  EXPECT_EQ(optimum_save_interval_s(2, 1), 1);
  EXPECT_EQ(optimum_save_interval_s(50, 1), 1);
}

TEST(OptimumSaveInterval, IsWhatThePaperSaysOfItsSimulations) {
  // Figures 3 to 5: a save takes 5 min, failures come every 24 h, 6 h, 15 min.
  EXPECT_NEAR(optimum_save_interval_s(5, 24 * 60), 117, 0.5);
  EXPECT_NEAR(optimum_save_interval_s(5, 6 * 60), 57, 0.5);
  EXPECT_NEAR(optimum_save_interval_s(5, 15), 9.1, 0.05);
}

TEST(OptimumSaveInterval, LosesLeastInTheModel) {
  for (double const cost : {0.01, 1.0, 30.0, 300.0}) {
    double const mtbf = 3600;
    double const found = optimum_save_interval_s(cost, mtbf);
    double best = found;
    for (double factor = 0.2; factor < 5; factor *= 1.01)
      if (time_per_progress(found * factor, cost, mtbf) <
          time_per_progress(best, cost, mtbf))
        best = found * factor;
    // The minimum is flat, and the series ends after three terms.
    EXPECT_NEAR(best, found, 0.02 * found) << cost;
  }
}

TEST(SaveSchedule, BySteps) {
  CheckpointConfig config;
  config.every_steps = 4;
  config.keep_every = 6;
  FakeClock clock;
  auto const schedule = clock.schedule(config);
  std::vector<std::int64_t> due;
  for (std::int64_t step = 1; step <= 18; ++step)
    if (schedule.is_step_due(step)) due.push_back(step);
  EXPECT_EQ(due, (std::vector<std::int64_t>{4, 6, 8, 12, 16, 18}));
  EXPECT_FALSE(clock.schedule({}).is_step_due(1));
}

TEST(SaveSchedule, ByMinutes) {
  FakeClock clock;
  auto schedule = clock.schedule(minutes(2));
  clock.now_s += 500;  // the model was built
  schedule.restart();
  EXPECT_FALSE(schedule.is_time_due());
  clock.now_s += 120;
  EXPECT_FALSE(schedule.is_time_due());
  clock.now_s += 1;
  EXPECT_TRUE(schedule.is_time_due());
  EXPECT_TRUE(schedule.is_time_due());  // until it was saved
  schedule.restart();
  schedule.note_cost(30);  // is nothing to stated minutes
  clock.now_s += 119;
  EXPECT_FALSE(schedule.is_time_due());
  clock.now_s += 2;
  EXPECT_TRUE(schedule.is_time_due());
}

TEST(SaveSchedule, NeverByTimeWithoutMinutes) {
  FakeClock clock;
  auto schedule = clock.schedule(minutes(0));
  clock.now_s += 1e9;
  EXPECT_FALSE(schedule.is_time_due());
}

TEST(SaveSchedule, ByWhatSavesCost) {
  FakeClock clock;
  auto schedule = clock.schedule(automatic(1));
  EXPECT_EQ(schedule.interval_s(), 300);  // every_minutes, as long as no save
  EXPECT_FALSE(schedule.take_news());
  schedule.note_cost(2);
  EXPECT_DOUBLE_EQ(schedule.interval_s(), optimum_save_interval_s(2, 3600));
  EXPECT_NEAR(schedule.interval_s(), 120, 3);
  clock.now_s += 117;
  EXPECT_FALSE(schedule.is_time_due());
  clock.now_s += 6;
  EXPECT_TRUE(schedule.is_time_due());
  schedule.note_cost(6);  // on average 4 s
  EXPECT_DOUBLE_EQ(schedule.interval_s(), optimum_save_interval_s(4, 3600));
}

TEST(SaveSchedule, SavesThatCostNothingAreStillApart) {
  FakeClock clock;
  auto schedule = clock.schedule(automatic(24));
  schedule.note_cost(0);
  // sqrt(2 * 0.001 * 86,400)
  EXPECT_NEAR(schedule.interval_s(), 13.1, 0.1);
}

TEST(SaveSchedule, TellsOfChangesThatMatter) {
  FakeClock clock;
  auto schedule = clock.schedule(automatic(1));
  schedule.note_cost(2);
  auto const news = schedule.take_news();
  ASSERT_TRUE(news);
  EXPECT_THAT(*news, HasSubstr("every 1 min 59 s"));
  EXPECT_THAT(*news, HasSubstr("for 2 s"));
  EXPECT_THAT(*news, HasSubstr("checkpoint.mtbf_hours is 1"));
  EXPECT_FALSE(schedule.take_news());
  schedule.note_cost(2.4);  // 2.2 on average: 5 % more time between
  EXPECT_FALSE(schedule.take_news());
  schedule.note_cost(4.6);  // 3 on average: 22 % more than what was told
  EXPECT_TRUE(schedule.take_news());
  auto fixed = clock.schedule(minutes(5));
  fixed.note_cost(2);
  EXPECT_FALSE(fixed.take_news());
}

TEST(SaveSchedule, AClockThatJumpsForwardsMakesOneSaveDue) {
  FakeClock clock;
  auto schedule = clock.schedule(minutes(1));
  clock.now_s += 86400;
  EXPECT_TRUE(schedule.is_time_due());
  schedule.restart();
  EXPECT_FALSE(schedule.is_time_due());
  clock.now_s += 59;
  EXPECT_FALSE(schedule.is_time_due());
  clock.now_s += 2;
  EXPECT_TRUE(schedule.is_time_due());
}

TEST(SaveSchedule, AClockThatJumpsBackDelaysByAnIntervalAtMost) {
  FakeClock clock;
  auto schedule = clock.schedule(minutes(1));
  clock.now_s += 30;
  EXPECT_FALSE(schedule.is_time_due());
  clock.now_s -= 86400;
  EXPECT_FALSE(schedule.is_time_due());
  clock.now_s += 59;
  EXPECT_FALSE(schedule.is_time_due());
  clock.now_s += 2;
  EXPECT_TRUE(schedule.is_time_due());
}

}  // namespace
}  // namespace gasm
