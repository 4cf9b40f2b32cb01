// SPDX-License-Identifier: Apache-2.0
#include "loss_scale.hpp"

#include <gtest/gtest.h>

namespace gasm {
namespace {

TEST(LossScaleTest, IsOneWhereNothingIsScaled) {
  EXPECT_EQ(first_loss_scale(false).value, 1.0);
  EXPECT_EQ(first_loss_scale(true).value, 65536.0);
}

TEST(LossScaleTest, HalvesOnOverflowAndDoublesAfter2000GoodSteps) {
  LossScale scale = next_loss_scale({1024.0, 1500}, false);
  EXPECT_EQ(scale, (LossScale{512.0, 0}));
  for (int i = 0; i < 1999; ++i) scale = next_loss_scale(scale, true);
  EXPECT_EQ(scale, (LossScale{512.0, 1999}));
  EXPECT_EQ(next_loss_scale(scale, true), (LossScale{1024.0, 0}));
  EXPECT_EQ(next_loss_scale({16777216.0, 1999}, true).value, 16777216.0);
}

}  // namespace
}  // namespace gasm
