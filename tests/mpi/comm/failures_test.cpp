// SPDX-License-Identifier: Apache-2.0
// What a whole job does when a rank fails: exit code, message, and time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "gasm/base/clock.hpp"
#include "gasm/comm/flight_file.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Ending {
  int code = -1;
  double duration_s = 0.0;
  std::string text;
};

/// `on_ready(pid of mpirun)` is called when the job prints "ready".
template <class OnReady>
Ending run_command(std::string const& job, OnReady on_ready) {
  double const begin_s = monotonic_s();
  std::string const command = "echo $$; exec " + job + " 2>&1";
  Ending ending;
  FILE* const pipe = popen(command.c_str(), "r");
  std::array<char, 4096> line{};
  int mpirun_pid = 0;
  while (fgets(line.data(), line.size(), pipe) != nullptr) {
    std::string const text = line.data();
    if (mpirun_pid == 0) {
      mpirun_pid = std::atoi(line.data());
      continue;
    }
    if (text.rfind("ready", 0) == 0) on_ready(mpirun_pid);
    ending.text += text;
  }
  int const status = pclose(pipe);
  ending.code =
      WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  ending.duration_s = monotonic_s() - begin_s;
  return ending;
}

Ending run_command(std::string const& job) {
  return run_command("env " + job, [](int) {});
}

template <class OnReady>
Ending run_job(int num_ranks, std::string const& arguments,
               std::string const& mpirun_options, OnReady on_ready) {
  return run_command(GASM_MPIRUN " --oversubscribe " + mpirun_options + " -n " +
                         std::to_string(num_ranks) + " " GASM_PROGRAM " " +
                         arguments,
                     on_ready);
}

Ending run_job(int num_ranks, std::string const& arguments) {
  return run_job(num_ranks, arguments, "", [](int) {});
}

int count(std::string const& text, std::string const& part) {
  int found = 0;
  for (auto at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1))
    ++found;
  return found;
}

TEST(Failures, AnAgreedErrorEndsInOrderAndIsToldOnce) {
  auto const ending = run_job(3, "agreed");
  EXPECT_EQ(ending.code, 4) << ending.text;
  EXPECT_EQ(count(ending.text, "no such store (on rank 1 of 3, host "), 1)
      << ending.text;
  EXPECT_LT(ending.duration_s, 8);
}

TEST(Failures, AUsageErrorOnAllRanksIsToldOnce) {
  auto const ending = run_job(3, "usage");
  EXPECT_EQ(ending.code, 2) << ending.text;
  EXPECT_EQ(count(ending.text, "unknown key trian"), 1) << ending.text;
}

TEST(Failures, AUsageErrorOnOneRankAbortsAfterTenSeconds) {
  auto const ending = run_job(2, "lone-usage");
  EXPECT_EQ(ending.code, 3) << ending.text;
  EXPECT_THAT(ending.text,
              AllOf(HasSubstr("bad on one rank"), HasSubstr("did not")));
  EXPECT_LT(ending.duration_s, 20);
}

TEST(Failures, AnyOtherExceptionAbortsAllRanks) {
  for (std::string const how : {"error", "exception", "unknown"}) {
    auto const ending = run_job(3, how);
    EXPECT_EQ(ending.code, 3) << ending.text;
    EXPECT_THAT(ending.text,
                AllOf(HasSubstr("[rank 1] error: "),
                      HasSubstr("phase first phase"), HasSubstr("host ")));
    EXPECT_LT(ending.duration_s, 8) << how;
  }
}

TEST(Failures, AThreadsExceptionEndsTheJob) {
  auto const ending = run_job(3, "thread");
  EXPECT_EQ(ending.code, 3) << ending.text;
  EXPECT_THAT(ending.text, HasSubstr("lost in a thread"));
  EXPECT_LT(ending.duration_s, 8);
}

TEST(Failures, ARankThatExitsOrIsKilledEndsTheJob) {
  for (std::string const how : {"exit", "killed"}) {
    auto const ending = run_job(3, how);
    EXPECT_NE(ending.code, 0) << ending.text;
    EXPECT_LT(ending.duration_s, 8) << how;
  }
}

TEST(Failures, AHangingRankIsNamedByTheOthers) {
  TempFolder folder;
  auto const ending = run_job(3, "hang " + (folder / "status").string());
  EXPECT_EQ(ending.code, 75) << ending.text;
  EXPECT_THAT(ending.text, HasSubstr("first phase > wait for weights"));
  // The first row of the list is the rank that hangs.
  EXPECT_THAT(ending.text,
              testing::ContainsRegex("\\]   rank 1: [0-9.]+ s in phase \"first "
                                     "phase > load weights\""));
  EXPECT_THAT(ending.text,
              testing::ContainsRegex("culprit: rank 1 \\(did not come"));
  EXPECT_EQ(count(ending.text, "culprit: "), 1) << ending.text;
  EXPECT_LT(ending.duration_s, 20);
}

TEST(Failures, AStoppedRankIsNamedWithoutARunFolder) {
  auto const ending = run_job(3, "stopped");
  EXPECT_EQ(ending.code, 75) << ending.text;
  EXPECT_EQ(count(ending.text, "culprit: "), 1) << ending.text;
  EXPECT_THAT(ending.text, AllOf(HasSubstr("culprit: rank 1 (does not answer)"),
                                 testing::ContainsRegex(
                                     "rank 1 on host [^ ]+, pid [0-9]+ "
                                     "\\(stopped by a signal\\): [0-9.]+ s in "
                                     "phase \"first phase > exchange\"")));
  EXPECT_LT(ending.duration_s, 45);
}

TEST(Failures, ARankThatLeavesOutACollectiveIsNamed) {
  TempFolder folder;
  auto const ending = run_job(3, "other-call " + (folder / "status").string());
  EXPECT_EQ(ending.code, 75) << ending.text;
  EXPECT_EQ(count(ending.text, "culprit: "), 1) << ending.text;
  EXPECT_THAT(ending.text,
              HasSubstr("culprit: rank 1 (calls broadcast of 8 bytes (bytes) "
                        "as collective "));
  EXPECT_THAT(ending.text,
              HasSubstr("where rank 0 calls all_reduce of 8 bytes (int64))"));
  for (int rank = 0; rank < 3; ++rank) {
    auto const flight = read_flight_file(flight_path(folder.path(), rank));
    ASSERT_TRUE(flight) << rank;
    EXPECT_EQ(flight->rank, rank);
    EXPECT_THAT(flight->reason, HasSubstr("watchdog"));
    EXPECT_GT(flight->calls.size(), 57u);
    EXPECT_EQ(flight->phase, "first phase > exchange");
  }
}

TEST(Failures, ACrashNamesItsPhaseAndLeavesItsCalls) {
  TempFolder folder;
  auto const ending = run_job(2, "crash " + (folder / "status").string());
  EXPECT_EQ(ending.code, 128 + SIGSEGV) << ending.text;
  EXPECT_THAT(ending.text,
              HasSubstr("error: SIGSEGV in phase \"first phase\""));
  auto const flight = read_flight_file(flight_path(folder.path(), 1));
  ASSERT_TRUE(flight);
  EXPECT_EQ(flight->reason, "SIGSEGV");
  EXPECT_EQ(flight->calls.back().kind, "barrier");
}

TEST(Failures, AFailureLeavesTheCallsOfItsRank) {
  TempFolder folder;
  run_job(2, "exception " + (folder / "status").string());
  EXPECT_EQ(read_flight_file(flight_path(folder.path(), 1))->reason, "abort");
  run_job(2, "agreed " + (folder / "status").string());
  for (int rank = 0; rank < 2; ++rank)
    EXPECT_EQ(read_flight_file(flight_path(folder.path(), rank))->reason,
              "agreed error");
}

TEST(Failures, ARankThatNeverStartsIsNamed) {
  // Its program is a shell that sleeps.
  double const begin_s = monotonic_s();
  auto const ending = run_command("GASM_START_DEADLINE_S=2 " GASM_MPIRUN
                                  " --oversubscribe -n 2 " GASM_PROGRAM
                                  " none : -n 1 sleep 60");
  EXPECT_EQ(ending.code, 75) << ending.text;
  EXPECT_EQ(count(ending.text, "culprit: "), 1) << ending.text;
  EXPECT_THAT(ending.text,
              AllOf(HasSubstr("culprit: rank 2 (said nothing since the start)"),
                    HasSubstr("phase \"start\"")));
  EXPECT_LT(monotonic_s() - begin_s, 40);
}

TEST(Failures, OneRankEndsInOrderWithTheErrorsOwnCode) {
  EXPECT_EQ(run_job(1, "error").code, 4);
  EXPECT_EQ(run_job(1, "usage").code, 2);
  EXPECT_EQ(run_job(1, "agreed").code, 4);
  EXPECT_EQ(run_job(1, "exception").code, 3);
}

TEST(Failures, AForwardedSignalStopsAllRanksInOrder) {
  auto const ending = run_job(
      3, "stop 1.5", "", [](int mpirun_pid) { kill(mpirun_pid, SIGUSR1); });
  EXPECT_EQ(ending.code, 85) << ending.text;
  EXPECT_EQ(count(ending.text, "saved after signal"), 3) << ending.text;
}

TEST(Failures, TerminatingMpirunLeavesTimeToSaveIfToldTo) {
  auto const ending =
      run_job(2, "stop 1.5", "--mca odls_base_sigkill_timeout 4",
              [](int mpirun_pid) { kill(mpirun_pid, SIGTERM); });
  EXPECT_EQ(count(ending.text, "saved after signal"), 2) << ending.text;
  EXPECT_NE(ending.code, 0);
}

TEST(Failures, NoFailureIsNoFailure) {
  EXPECT_EQ(run_job(3, "none").code, 0);
  EXPECT_EQ(run_job(3, "codes").code, 85);
}

}  // namespace
}  // namespace gasm
