// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/rng.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

namespace gasm {
namespace {

// The known answer of Philox4x32-10 for a zero key and counter (Random123).
TEST(Rng, IsPhilox) {
  Rng rng(0);
  EXPECT_EQ(rng.u32(), 0x6627e8d5U);
  EXPECT_EQ(rng.u32(), 0xe169c58dU);
  EXPECT_EQ(rng.u32(), 0xbc57ac4cU);
  EXPECT_EQ(rng.u32(), 0x9b00dbd8U);
}

TEST(Rng, IsAFunctionOfItsKey) {
  Rng a{3, 7};
  Rng b{3, 7};
  Rng c{7, 3};
  int num_same = 0;
  for (int i = 0; i < 100; ++i) {
    auto const value = a.u64();
    EXPECT_EQ(value, b.u64());
    num_same += value == c.u64();
  }
  EXPECT_EQ(num_same, 0);
}

TEST(Rng, KeysOfDifferentPartsDiffer) {
  std::set<std::uint64_t> keys;
  for (std::uint64_t i = 0; i < 30; ++i)
    for (std::uint64_t j = 0; j < 30; ++j) keys.insert(mix_key({i, j}));
  keys.insert(mix_key({}));
  keys.insert(mix_key({0}));
  EXPECT_EQ(keys.size(), 902U);
}

// Six standard deviations of n draws: wrong once in 500 million runs, and the
// key is fixed besides.
TEST(Rng, DrawsHaveTheirMoments) {
  Rng rng(5);
  constexpr int n = 200000;
  double sum = 0;
  double normal_sum = 0;
  double normal_squares = 0;
  std::vector<int> counts(7, 0);
  for (int i = 0; i < n; ++i) {
    double const u = rng.uniform();
    ASSERT_TRUE(0 <= u && u < 1);
    sum += u;
    double const z = rng.normal();
    normal_sum += z;
    normal_squares += z * z;
    ++counts[static_cast<std::size_t>(rng.below(7))];
  }
  double const root = std::sqrt(n);
  EXPECT_NEAR(sum / n, 0.5, 6 * std::sqrt(1.0 / 12) / root);
  EXPECT_NEAR(normal_sum / n, 0, 6 / root);
  EXPECT_NEAR(normal_squares / n, 1, 6 * std::sqrt(2.0) / root);
  for (int const count : counts)
    EXPECT_NEAR(count, n / 7.0, 6 * std::sqrt(n * 6.0 / 49));
}

TEST(Rng, BetweenHoldsBothEnds) {
  Rng rng(1);
  std::set<std::int64_t> seen;
  for (int i = 0; i < 200; ++i) seen.insert(rng.between(-1, 1));
  EXPECT_EQ(seen, (std::set<std::int64_t>{-1, 0, 1}));
}

TEST(Rng, ShuffleKeepsAll) {
  std::vector<int> items(50);
  for (int i = 0; i < 50; ++i) items[static_cast<std::size_t>(i)] = i;
  auto shuffled = items;
  Rng rng(2);
  rng.shuffle(std::span(shuffled));
  EXPECT_NE(shuffled, items);
  std::sort(shuffled.begin(), shuffled.end());
  EXPECT_EQ(shuffled, items);
}

}  // namespace
}  // namespace gasm
