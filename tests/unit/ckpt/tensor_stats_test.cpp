// SPDX-License-Identifier: Apache-2.0
#include "gasm/ckpt/tensor_stats.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

namespace gasm {
namespace {

TEST(MeasureTensor, SumsUpFiniteValues) {
  auto const tensor = at::tensor({2.0, 4.0, double(NAN), 9.0, -INFINITY, 1.0});
  auto const stats = measure_tensor(tensor);
  EXPECT_EQ(stats.num_nan, 1);
  EXPECT_EQ(stats.num_inf, 1);
  EXPECT_EQ(stats.num_finite, 4);
  EXPECT_DOUBLE_EQ(stats.mean, 4.0);
  // Gaps -2, 0, 5, -3.
  EXPECT_DOUBLE_EQ(stats.std, std::sqrt(38.0 / 4));
  EXPECT_EQ(stats.min, 1.0);
  EXPECT_EQ(stats.max, 9.0);
}

TEST(MeasureTensor, KnowsEveryTypeAndNoValues) {
  for (auto const type : {at::kBool, at::kByte, at::kChar, at::kShort, at::kInt,
                          at::kLong, at::kUInt16, at::kUInt32, at::kUInt64,
                          at::kHalf, at::kBFloat16, at::kFloat, at::kDouble}) {
    auto const stats = measure_tensor(at::tensor({1, 0, 0, 1}).to(type));
    EXPECT_EQ(stats.mean, 0.5) << c10::toString(type);
    EXPECT_EQ(stats.std, 0.5);
    auto const none = measure_tensor(at::empty({0, 3}, type));
    EXPECT_EQ(none.num_finite, 0);
    EXPECT_TRUE(std::isnan(none.mean) && std::isnan(none.max));
  }
}

TEST(MeasureTensor, AddsUpPieces) {
  auto const num = 3 * (1 << 20) + 17;
  auto const stats = measure_tensor(at::arange(num, at::kInt));
  EXPECT_DOUBLE_EQ(stats.mean, (num - 1) / 2.0);
  EXPECT_NEAR(stats.std, std::sqrt((double(num) * num - 1) / 12), 1e-6);
  EXPECT_EQ(stats.max, num - 1);
}

}  // namespace
}  // namespace gasm
