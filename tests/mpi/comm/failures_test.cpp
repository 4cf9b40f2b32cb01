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

/// Runs a job; `on_ready(pid of mpirun)` is called when it prints "ready".
template <class OnReady>
Ending run_job(int num_ranks, std::string const& arguments,
               std::string const& mpirun_options, OnReady on_ready) {
  double const begin_s = monotonic_s();
  std::string const command = "echo $$; exec " GASM_MPIRUN " --oversubscribe " +
                              mpirun_options + " -n " +
                              std::to_string(num_ranks) + " " GASM_PROGRAM " " +
                              arguments + " 2>&1";
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
  EXPECT_LT(ending.duration_s, 12);
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
