// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/stop_flag.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

TEST(StopFlag, RisesOnEachOfItsSignals) {
  for (int number : {SIGINT, SIGTERM, SIGUSR1}) {
    StopFlag flag;
    EXPECT_FALSE(flag.requested());
    raise(number);
    EXPECT_TRUE(flag.requested());
    EXPECT_EQ(flag.signal_number(), number);
  }
}

TEST(StopFlag, RestoresTheActionsBefore) {
  signal(SIGUSR1, SIG_IGN);
  { StopFlag flag; }
  raise(SIGUSR1);
  struct sigaction action {};
  sigaction(SIGUSR1, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_IGN);
}

TEST(StopFlag, IsOneAProcess) {
  StopFlag flag;
  EXPECT_THROW(StopFlag(), Error);
}

TEST(StopFlagDeathTest, TheSecondInterruptEndsAtOnce) {
  EXPECT_EXIT(
      {
        StopFlag flag;
        raise(SIGINT);
        fputs("alive after one", stderr);
        raise(SIGINT);
        fputs("and after two", stderr);
      },
      testing::KilledBySignal(SIGINT), "alive after one$");
}

}  // namespace
}  // namespace gasm
