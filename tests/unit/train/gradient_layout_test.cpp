// SPDX-License-Identifier: Apache-2.0
#include "gradient_layout.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace gasm {
namespace {

using Sizes = std::vector<std::size_t>;

constexpr double mb_of(std::size_t num_values) {
  return static_cast<double>(num_values * sizeof(float)) / 0x1p20;
}

TEST(GradientLayout, FillsBucketsInTheOrderOfReadiness) {
  Sizes const sizes = {1000, 100, 300, 5000, 200};
  auto const layout = lay_out_gradients(
      sizes, Sizes{4, 2, 3, 0}, 7, {.first_mb = mb_of(300), .mb = mb_of(1500)});
  // 200 | 300 | 5000, larger than a bucket | 1000 | without order: 100 | 7.
  EXPECT_EQ(layout.bucket_of, (Sizes{3, 4, 1, 2, 0}));
  EXPECT_EQ(layout.offset_of, (Sizes{5760, 6784, 256, 640, 0}));
  EXPECT_EQ(layout.buckets,
            (std::vector<ValueRange>{
                {0, 256}, {256, 384}, {640, 5120}, {5760, 1024}, {6784, 128}}));
  EXPECT_EQ(layout.num_ordered, 4u);
  EXPECT_EQ(layout.tail, (ValueRange{6912, 7}));
  EXPECT_EQ(layout.num_gradient_values, 6912u);
  EXPECT_EQ(layout.num_values, 6919u);
  EXPECT_EQ(layout.num_exchanges(), 6u);
}

TEST(GradientLayout, HasOneBucketWhereNoOrderIsKnown) {
  Sizes const sizes = {3, 4};
  auto const layout = lay_out_gradients(sizes, {}, 2, {});
  EXPECT_EQ(layout.num_ordered, 0u);
  EXPECT_EQ(layout.buckets, (std::vector<ValueRange>{{0, 256}}));
  EXPECT_EQ(layout.offset_of, (Sizes{0, 128}));
  EXPECT_EQ(layout.tail, (ValueRange{256, 2}));
}

TEST(GradientLayout, BucketsCanBeSharedOutInWholeBlocks) {
  Sizes const sizes = {1000, 100, 300};
  auto const layout =
      lay_out_gradients(sizes, Sizes{1, 2}, 5,
                        {.first_mb = mb_of(100), .mb = 1, .num_shares = 3});
  // 128, 384 and 1024 values, each up to the next multiple of 3 x 128.
  EXPECT_EQ(layout.buckets,
            (std::vector<ValueRange>{{0, 384}, {384, 384}, {768, 1152}}));
  EXPECT_EQ(layout.offset_of, (Sizes{768, 0, 384}));
  EXPECT_EQ(layout.tail, (ValueRange{1920, 5}));
}

TEST(GradientLayout, CountsEachBlockOnceByParameter) {
  Sizes const sizes = {129, 128, 1};
  auto const layout = lay_out_gradients(sizes, Sizes{2, 0, 1}, 1, {});
  EXPECT_EQ(layout.blocks_by_parameter,
            (std::vector<std::int64_t>{1, 2, 3, 0}));
}

TEST(GradientLayout, GradientsOfManySizesDoNotOverlap) {
  Sizes sizes;
  for (std::size_t i = 0; i < 200; ++i) sizes.push_back(1 + 37 * i % 1009);
  Sizes order(sizes.size());
  std::iota(order.rbegin(), order.rend(), 0);
  auto const layout =
      lay_out_gradients(sizes, order, 3, {.first_mb = mb_of(900), .mb = 0.01});
  std::vector<bool> is_taken(layout.num_values, false);
  for (std::size_t i = 0; i < sizes.size(); ++i)
    for (std::size_t v = 0; v < sizes[i]; ++v) {
      ASSERT_FALSE(is_taken[layout.offset_of[i] + v]);
      is_taken[layout.offset_of[i] + v] = true;
      auto const range = layout.exchange(layout.bucket_of[i]);
      ASSERT_GE(layout.offset_of[i], range.begin);
      ASSERT_LE(layout.offset_of[i] + sizes[i], range.begin + range.size);
    }
}

}  // namespace
}  // namespace gasm
