// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/duration_text.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace gasm {
namespace {

TEST(DurationText, HasTwoUnitsAtMost) {
  EXPECT_EQ(duration_text(0.04), "0.0 s");
  EXPECT_EQ(duration_text(9.9), "9.9 s");
  EXPECT_EQ(duration_text(9.96), "10 s");
  EXPECT_EQ(duration_text(59.4), "59 s");
  EXPECT_EQ(duration_text(59.6), "1 min 00 s");
  EXPECT_EQ(duration_text(3599.4), "59 min 59 s");
  EXPECT_EQ(duration_text(3599.6), "1 h 00 min");
  EXPECT_EQ(duration_text(86399), "23 h 59 min");
  EXPECT_EQ(duration_text(86400 * 2.5), "2 d 12 h");
}

TEST(DurationText, OfAClockThatWentBackIsNothing) {
  EXPECT_EQ(duration_text(-1), "0 s");
  EXPECT_EQ(duration_text(-1e18), "0 s");
}

TEST(DurationText, KnowsWhatItCannotSay) {
  EXPECT_EQ(duration_text(std::numeric_limits<double>::quiet_NaN()), "?");
  EXPECT_EQ(duration_text(std::numeric_limits<double>::infinity()), "?");
  EXPECT_EQ(duration_text(1e12), "?");
}

}  // namespace
}  // namespace gasm
