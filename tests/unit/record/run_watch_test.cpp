// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/run_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "gasm/base/file.hpp"
#include "gasm/base/log.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

void sleep_s(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

class RunWatchTest : public testing::Test {
 protected:
  RunWatchTest() { set_log_quiet(true); }
  ~RunWatchTest() override { set_log_quiet(false); }

  /// Alerts of a stall, without those of the disk.
  RunWatchOptions stalls(double factor, double at_least_s) const {
    return {.stall_factor = factor,
            .stall_s = at_least_s,
            .checkpoints = folder_.path(),
            .disk_bytes = 0.0};
  }
  std::vector<Alert> found() const {
    return value_or_throw(read_alerts(folder_ / "alerts.jsonl"));
  }

  TempFolder folder_;
  AlertDesk desk_{folder_ / "alerts.jsonl", 0, {}};
};

TEST_F(RunWatchTest, AStandstillIsSaidOnceByAnotherThread) {
  RunWatch watch(desk_, stalls(0.1, 0.3));
  watch.note_step(17);
  sleep_s(1.2);
  auto const alerts = found();
  ASSERT_THAT(alerts, SizeIs(1));
  EXPECT_EQ(alerts[0].kind, "stall");
  EXPECT_EQ(alerts[0].step, 17);
  EXPECT_THAT(alerts[0].text,
              ContainsRegex("No step for [0-9.]+ s after step 17 \\(one "
                            "usually takes 0.0 s\\)"));
  watch.note_step(18);
  sleep_s(0.8);
  EXPECT_THAT(found(), SizeIs(2));
}

TEST_F(RunWatchTest, WhatIsUsualDecides) {
  RunWatch watch(desk_, stalls(20, 0.01));
  for (int step = 1; step <= 5; ++step) {
    sleep_s(0.1);
    watch.note_step(step);
  }
  // A fifth of what would be a stall.
  sleep_s(0.4);
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(RunWatchTest, SignsOfLifeAreEnough) {
  RunWatch watch(desk_, stalls(1, 0.5));
  watch.note_step(1);
  for (int i = 0; i < 20; ++i) {
    sleep_s(0.05);
    watch.note_life();
  }
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(RunWatchTest, TheFirstStepMayTakeLonger) {
  {
    RunWatch watch(desk_, stalls(5, 0.1));
    sleep_s(0.3);
    EXPECT_THAT(found(), IsEmpty());
    sleep_s(0.6);
  }
  ASSERT_THAT(found(), SizeIs(1));
  EXPECT_THAT(found()[0].text, HasSubstr("after step 0 (none was done yet)"));
}

TEST_F(RunWatchTest, AFactorOfZeroIsNever) {
  RunWatch watch(desk_, stalls(0, 0.01));
  sleep_s(0.3);
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(RunWatchTest, TheDiskIsHeldAgainstGivenBytes) {
  {
    RunWatch const watch(desk_,
                         {.checkpoints = folder_.path(), .disk_bytes = 1});
    sleep_s(0.2);
  }
  EXPECT_THAT(found(), IsEmpty());
  {
    RunWatch const watch(desk_,
                         {.checkpoints = folder_.path(), .disk_bytes = 1e18});
    sleep_s(0.2);
  }
  ASSERT_THAT(found(), SizeIs(1));
  EXPECT_EQ(found()[0].kind, "disk");
  EXPECT_THAT(found()[0].text, HasSubstr("1000000000.00 GB are wanted"));
}

TEST_F(RunWatchTest, TheDiskIsHeldAgainstTwoCheckpoints) {
  {
    RunWatch const watch(
        desk_, {.checkpoints = folder_.path(), .first_checkpoint_bytes = 1e18});
    sleep_s(0.2);
  }
  ASSERT_THAT(found(), SizeIs(1));
  EXPECT_THAT(found()[0].text, HasSubstr("2000000000.00 GB are wanted"));
  // One that is there is known better.
  std::filesystem::create_directories(folder_ / "step-10");
  ASSERT_TRUE(publish_file(folder_ / "step-10/model.safetensors",
                           std::string(5000, 'x')));
  EXPECT_FALSE(checkpoint_bytes(folder_.path()));
  ASSERT_TRUE(publish_file(folder_ / "step-10/manifest.json", "{}\n"));
  EXPECT_EQ(checkpoint_bytes(folder_.path()), 5003.0);
  {
    RunWatch const watch(
        desk_, {.checkpoints = folder_.path(), .first_checkpoint_bytes = 1e18});
    sleep_s(0.2);
  }
  EXPECT_THAT(found(), SizeIs(1));
}

}  // namespace
}  // namespace gasm
