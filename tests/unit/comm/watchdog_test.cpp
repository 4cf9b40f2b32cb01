// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/watchdog.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <thread>

#include "gasm/base/clock.hpp"
#include "gasm/base/error.hpp"
#include "gasm/comm/collective_log.hpp"
#include "gasm/comm/flight_file.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/comm/stage.hpp"
#include "gasm/comm/status_board.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

void sleep_s(double duration_s) {
  std::this_thread::sleep_for(std::chrono::duration<double>(duration_s));
}

class WatchdogDeathTest : public testing::Test {
 protected:
  // A forked child has no watchdog thread.
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST(Watchdog, NamesOpenPhases) {
  Watchdog watchdog;
  EXPECT_EQ(watchdog.current_phase(), "outside any phase");
  Phase outer(watchdog, "train", 10);
  {
    Phase inner(watchdog, "save", 10);
    EXPECT_EQ(watchdog.current_phase(), "train > save");
  }
  EXPECT_EQ(watchdog.current_phase(), "train");
}

TEST(Watchdog, WritesPhasesToTheBoard) {
  TempFolder folder;
  Watchdog watchdog({.board_path = folder / "status"});
  Phase phase(watchdog, "load", 10);
  watchdog.progress("load file 1");
  auto const rows = read_status_board(folder / "status");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].rank, 0);
  EXPECT_EQ(rows[0].phase, "load");
  EXPECT_EQ(rows[0].progress, "load file 1");
}

TEST(Watchdog, WritesProgressOnceASecondAtMost) {
  TempFolder folder;
  Watchdog watchdog({.board_path = folder / "status"});
  watchdog.progress("first");
  watchdog.progress("second");
  EXPECT_EQ(read_status_board(folder / "status").at(0).progress, "first");
}

TEST(Watchdog, TheBoardLearnsWhereARankWaits) {
  TempFolder folder;
  Watchdog watchdog({.board_path = folder / "status"});
  Phase phase(watchdog, "train", 10);
  CollectiveScope scope("awaited", 8);
  auto const is_there = [&] {
    auto const row = read_status_board(folder / "status").at(0);
    return row.inside && row.collective == "awaited";
  };
  EXPECT_FALSE(is_there());
  for (int i = 0; i < 100 && !is_there(); ++i) sleep_s(0.1);
  EXPECT_TRUE(is_there());
}

TEST(Watchdog, ProgressAndInnerPhasesRestartTheDeadline) {
  Watchdog watchdog;
  Phase phase(watchdog, "train", 0.5);
  for (int i = 0; i < 4; ++i) {
    sleep_s(0.2);
    watchdog.progress("step");
  }
  for (int i = 0; i < 4; ++i) {
    sleep_s(0.2);
    Phase inner(watchdog, "save", 0.5);
  }
  {
    Phase slow(watchdog, "evaluate", 10);
    sleep_s(0.8);
  }
  Phase endless(watchdog, "wait for a person", 0);
  sleep_s(0.8);
}

TEST(Watchdog, AScaleOfZeroSwitchesItOff) {
  Watchdog watchdog({.deadline_scale = 0});
  Phase phase(watchdog, "debug", 0.1);
  sleep_s(0.4);
}

TEST_F(WatchdogDeathTest, NamesThePhaseAndEndsWith75) {
  EXPECT_EXIT(
      {
        Watchdog watchdog;
        Phase phase(watchdog, "load checkpoint", 0.2);
        watchdog.progress("file 3");
        sleep_s(10);
      },
      testing::ExitedWithCode(75),
      "no progress for 0.2 s .*phase \"load checkpoint\" after file 3");
}

TEST_F(WatchdogDeathTest, TheOuterDeadlineCountsAgainAfterTheInner) {
  EXPECT_EXIT(
      {
        Watchdog watchdog;
        Phase outer(watchdog, "train", 0.3);
        { Phase inner(watchdog, "save", 10); }
        sleep_s(10);
      },
      testing::ExitedWithCode(75), "phase \"train\"");
}

TEST_F(WatchdogDeathTest, NamesTheSilentRankFirst) {
  // The child runs this test again from its start and never ends it: the
  // folder is the parent's.
  std::optional<TempFolder> folder;
  if (std::getenv("GASM_TEST_BOARD") == nullptr) {
    folder.emplace();
    setenv("GASM_TEST_BOARD", (*folder / "status").c_str(), 1);
  }
  std::filesystem::path const path = std::getenv("GASM_TEST_BOARD");
  StatusBoard board(path);
  // Rank 1 entered its phase a minute ago; rank 2 never said a word.
  board.write({.rank = 1,
               .host = "far",
               .pid = 7,
               .since_unix_s = unix_time_s() - 60,
               .written_unix_s = unix_time_s() - 60,
               .sequence = 0,
               .inside = false,
               .collective = "none",
               .bucket = -1,
               .parameter = "",
               .phase = "read index",
               .progress = ""});
  EXPECT_EXIT(
      {
        Watchdog watchdog({.num_ranks = 3, .board_path = path});
        Phase phase(watchdog, "train", 0.2);
        sleep_s(10);
      },
      testing::ExitedWithCode(75),
      "rank 2: said nothing\n.*rank 1: 6[0-9].*\"read index\".*\n.*rank 0: ");
}

// As above; the parent is a rank that answers, and has no watchdog itself.
TEST_F(WatchdogDeathTest, ReportsOnceForAllRanksOfABoard) {
  std::optional<TempFolder> folder;
  if (std::getenv("GASM_TEST_BOARD2") == nullptr) {
    folder.emplace();
    setenv("GASM_TEST_BOARD2", (*folder / "status").c_str(), 1);
  }
  std::filesystem::path const path = std::getenv("GASM_TEST_BOARD2");
  EXPECT_EXIT(
      {
        Watchdog behind({.rank = 1, .num_ranks = 2, .board_path = path});
        Phase load(behind, "load weights", 0);
        Watchdog watchdog({.rank = 0, .num_ranks = 2, .board_path = path});
        Phase phase(watchdog, "wait for weights", 0.2);
        CollectiveScope scope("broadcast", 8);
        sleep_s(20);
      },
      testing::ExitedWithCode(75), "no progress for");
  std::ifstream report(path.string() + "-report");
  std::string const text{std::istreambuf_iterator<char>(report), {}};
  EXPECT_NE(text.find("phase \"wait for weights\""), std::string::npos) << text;
  EXPECT_NE(text.find("no culprit stands out (all ranks are inside the same "
                      "collective)"),
            std::string::npos)
      << text;
  auto const flight = read_flight_file(flight_path(path.parent_path(), 0));
  ASSERT_TRUE(flight);
  EXPECT_EQ(flight->reason, "watchdog");
  EXPECT_EQ(flight->calls.back().kind, "broadcast");
}

TEST(Stage, IsNamedInsideThePhase) {
  TempFolder folder;
  Watchdog watchdog({.board_path = folder / "status"});
  Phase phase(watchdog, "train", 10);
  Stage const outer("forward");
  { Stage const inner("exchange"); }
  auto const phase_there = [&] {
    return read_status_board(folder / "status").at(0).phase;
  };
  EXPECT_EQ(phase_there(), "train");
  for (int i = 0; i < 100 && phase_there() == "train"; ++i) sleep_s(0.1);
  EXPECT_EQ(phase_there(), "train > forward");
}

TEST(FailedPhase, IsNamedByTheGuard) {
  testing::internal::CaptureStderr();
  Watchdog watchdog;
  int const code = run_guarded_serial([&]() -> ExitCode {
    Phase outer(watchdog, "train", 10);
    Phase inner(watchdog, "save", 10);
    throw std::runtime_error("broken");
  });
  std::string const text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(code, 3);
  EXPECT_NE(text.find("broken (phase train > save)"), std::string::npos)
      << text;
}

}  // namespace
}  // namespace gasm
