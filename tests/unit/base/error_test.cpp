// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gasm/base/result.hpp"

namespace gasm {
namespace {

TEST(Error, CarriesTheExitCode) {
  EXPECT_EQ(error("{} is empty", "x").code(), ExitCode::agreed_failure);
  EXPECT_EQ(usage_error("no {}", 3).code(), ExitCode::usage);
  EXPECT_STREQ(usage_error("no {}", 3).what(), "no 3");
}

TEST(Error, OfAnotherLibraryIsItsFirstLine) {
  std::runtime_error const traced("no memory\nException raised from f\n#1 g");
  EXPECT_STREQ(error_of(traced).what(), "no memory");
  EXPECT_STREQ(error_of(std::runtime_error("plain")).what(), "plain");
}

TEST(Error, AssertionsNameTheirLine) {
  try {
    GASM_ASSERT(1 > 2);
    FAIL() << "went on";
  } catch (Error const& failed) {
    EXPECT_EQ(failed.code(), ExitCode::aborted);
    EXPECT_THAT(failed.what(), testing::HasSubstr("1 > 2 is false at "));
    EXPECT_THAT(failed.what(), testing::HasSubstr("error_test.cpp:"));
  }
}

TEST(Result, HoldsAValueOrAnError) {
  EXPECT_EQ(value_or_throw(Result<int>(3)), 3);
  Result<int> const failed = failure("{} is not there", "x");
  EXPECT_THROW(value_or_throw(failed), Error);
}

}  // namespace
}  // namespace gasm
