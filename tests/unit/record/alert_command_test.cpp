// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/alert_command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "gasm/base/clock.hpp"
#include "gasm/base/file.hpp"
#include "gasm/base/log.hpp"
#include "gasm/record/alert_desk.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;

bool comes_true(std::function<bool()> const& condition, double within_s = 5) {
  double const end_s = monotonic_s() + within_s;
  while (!condition()) {
    if (monotonic_s() > end_s) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

class AlertCommandTest : public testing::Test {
 protected:
  AlertCommandOptions options(std::string command, double limit_s = 20) {
    return {.command = std::move(command),
            .limit_s = limit_s,
            .run_folder = folder_.path() / "run",
            .log = folder_ / "command.log"};
  }
  std::string text(std::string const& name) const {
    return read_text(folder_ / name).value_or("");
  }
  std::string quoted(std::string const& name) const {
    return "'" + (folder_ / name).string() + "'";
  }
  /// What the log says from here on.
  void log_here() { log_to_file(folder_ / "rank-0.log"); }
  bool log_says(std::string const& what) {
    return comes_true([&] {
      flush_log();
      return text("rank-0.log").find(what) != std::string::npos;
    });
  }
  /// Runs, and does not only wait for somebody to ask how it ended.
  bool is_alive(std::string const& pid_file) const {
    auto const stat = read_text(
        "/proc/" + std::to_string(std::stoi(text(pid_file))) + "/stat");
    return stat && stat->find(") Z ") == std::string::npos;
  }

  TempFolder folder_;
};

TEST_F(AlertCommandTest, GetsTheAlertInItsEnvironment) {
  ::setenv("OMPI_COMM_WORLD_RANK", "0", 1);
  ::setenv("GASM_ALERT_STEP", "an old one", 1);
  {
    AlertCommand command(options(
        "printf '%s|%s|%s|%s|%s' \"$GASM_ALERT_KIND\" \"$GASM_ALERT_STEP\" "
        "\"$GASM_ALERT_TEXT\" \"$GASM_RUN_FOLDER\" "
        "\"$OMPI_COMM_WORLD_RANK\"; ls /proc/self/fd > " +
        quoted("files")));
    command.start({5.0, 7, "stall", "it's \"still\"\n$HOME"});
  }
  ::unsetenv("OMPI_COMM_WORLD_RANK");
  ::unsetenv("GASM_ALERT_STEP");
  EXPECT_EQ(text("command.log"), "stall|7|it's \"still\"\n$HOME|" +
                                     (folder_ / "run").string() + "|");
  // Its three, and the folder that ls reads.
  EXPECT_EQ(text("files"), "0\n1\n2\n3\n");
}

TEST_F(AlertCommandTest, IsNotWaitedFor) {
  AlertCommand command(options("sleep 5"));
  double const start_s = monotonic_s();
  command.start({5.0, 1, "a", "b"});
  EXPECT_LT(monotonic_s() - start_s, 0.5);
}

TEST_F(AlertCommandTest, OneThatHangsIsKilledWithItsChildren) {
  log_here();
  AlertCommand command(options("sleep 60 & echo $! > " + quoted("child") +
                                   "; echo $$ > " + quoted("pid") +
                                   "; trap '' TERM; wait; sleep 60",
                               2));
  command.start({5.0, 1, "stall", "b"});
  EXPECT_TRUE(log_says("killed (kind stall; it took longer than 2 s)"));
  EXPECT_TRUE(comes_true([&] { return !is_alive("pid"); }));
  EXPECT_TRUE(comes_true([&] { return !is_alive("child"); }));
}

TEST_F(AlertCommandTest, OneThatHangsHoldsNobodyUpAtTheEnd) {
  double start_s = 0;
  {
    AlertCommand command(
        options("echo $$ > " + quoted("pid") + "; sleep 60", 3.5));
    command.start({5.0, 1, "stall", "b"});
    start_s = monotonic_s();
  }
  EXPECT_LT(monotonic_s() - start_s, 3.0);
  // The limit holds all the same.
  EXPECT_TRUE(is_alive("pid"));
  EXPECT_TRUE(comes_true([&] { return !is_alive("pid"); }));
}

TEST_F(AlertCommandTest, OneThatFailsIsLogged) {
  log_here();
  AlertCommand command(options("echo no such channel >&2; exit 3"));
  command.start({5.0, 1, "disk", "b"});
  EXPECT_TRUE(log_says("alerts.command failed (kind disk, exit code 3). See " +
                       (folder_ / "command.log").string()));
  EXPECT_EQ(text("command.log"), "no such channel\n");
}

TEST_F(AlertCommandTest, OneThatCannotBeStartedIsLogged) {
  log_here();
  auto there_is_no_folder = options("true");
  there_is_no_folder.log = folder_ / "no/command.log";
  AlertCommand command(there_is_no_folder);
  command.start({5.0, 1, "disk", "b"});
  EXPECT_TRUE(log_says("could not be started for disk"));
}

TEST_F(AlertCommandTest, DeskWritesEventsAllAndJudgementsOnce) {
  {
    AlertDesk desk(folder_ / "alerts.jsonl", 1e6,
                   options("echo $GASM_ALERT_KIND"));
    for (int step = 1; step <= 3; ++step) {
      ASSERT_TRUE(desk.raise({0.0, step, "data_wait", "slow"}));
      ASSERT_TRUE(desk.raise({0.0, step, "bad_sample", "bad"}));
    }
  }
  std::vector<std::string> found;
  for (auto const& alert :
       value_or_throw(read_alerts(folder_ / "alerts.jsonl")))
    found.push_back(alert.kind + std::to_string(alert.step));
  EXPECT_THAT(found, testing::ElementsAre("data_wait1", "bad_sample1",
                                          "bad_sample2", "bad_sample3"));
  auto const told = text("command.log");
  EXPECT_EQ(told.size(), std::string("data_wait\nbad_sample\n").size());
  EXPECT_THAT(told, HasSubstr("data_wait\n"));
  EXPECT_THAT(told, HasSubstr("bad_sample\n"));
}

TEST_F(AlertCommandTest, DeskRaisesAgainAfterTheCooldown) {
  AlertDesk desk(folder_ / "alerts.jsonl", 0.2, {});
  for (int step = 1; step <= 2; ++step)
    ASSERT_TRUE(desk.raise({0.0, step, "stall", "still"}));
  std::this_thread::sleep_for(std::chrono::milliseconds(250));
  ASSERT_TRUE(desk.raise({0.0, 3, "stall", "still"}));
  auto const found = value_or_throw(read_alerts(folder_ / "alerts.jsonl"));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[1].step, 3);
}

}  // namespace
}  // namespace gasm
