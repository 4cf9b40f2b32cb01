// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/sampler.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "gasm/base/error.hpp"
#include "gasm/base/rng.hpp"

namespace gasm {
namespace {

std::vector<std::int64_t> all_of(EpochOrder const& order) {
  std::vector<std::int64_t> samples;
  for (std::int64_t p = 0; p < order.size(); ++p)
    samples.push_back(order.sample_at(p));
  return samples;
}

bool is_permutation_of_range(std::vector<std::int64_t> const& samples) {
  std::vector<bool> seen(samples.size(), false);
  for (auto s : samples) {
    if (s < 0 || static_cast<std::size_t>(s) >= samples.size()) return false;
    if (seen[static_cast<std::size_t>(s)]) return false;
    seen[static_cast<std::size_t>(s)] = true;
  }
  return true;
}

TEST(EpochOrder, IsAPermutationForEverySmallSize) {
  for (std::int64_t n = 0; n <= 200; ++n)
    for (std::int64_t epoch = 0; epoch < 3; ++epoch)
      EXPECT_TRUE(is_permutation_of_range(all_of(EpochOrder(7, epoch, n))))
          << n << " samples, epoch " << epoch;
}

TEST(EpochOrder, IsAPermutationForLargeSizes) {
  for (std::int64_t n : {65535, 65536, 65537, 220847})
    EXPECT_TRUE(is_permutation_of_range(all_of(EpochOrder(1, 2, n)))) << n;
}

TEST(EpochOrder, IsAPermutationForEveryBlockShuffle) {
  for (std::int64_t n = 0; n <= 120; ++n)
    for (BlockShuffle const shuffle :
         {BlockShuffle{1, 1}, {1, 7}, {4, 3}, {7, 1}, {10, 4}, {200, 2}})
      for (std::int64_t epoch = 0; epoch < 4; ++epoch)
        EXPECT_TRUE(
            is_permutation_of_range(all_of(EpochOrder(7, epoch, n, shuffle))))
            << n << " samples in blocks of " << shuffle.block << ", "
            << shuffle.window_blocks << " at a time, epoch " << epoch;
}

// The blocks of one window are in no other, and windows never go back.
TEST(EpochOrder, KeepsEachBlockInOneWindow) {
  BlockShuffle const shuffle{5, 3};
  for (std::int64_t epoch = 0; epoch < 20; ++epoch) {
    EpochOrder const order(3, epoch, 83, shuffle);  // 17 blocks, the last of 3
    std::map<std::int64_t, std::int64_t> window_of_block;
    std::map<std::int64_t, std::set<std::int64_t>> blocks_of_window;
    std::int64_t last = 0;
    for (std::int64_t p = 0; p < order.size(); ++p) {
      auto const window = order.window_of(p);
      EXPECT_TRUE(window == last || window == last + 1);
      last = window;
      auto const block = order.sample_at(p) / shuffle.block;
      EXPECT_EQ(window_of_block.emplace(block, window).first->second, window);
      blocks_of_window[window].insert(block);
    }
    EXPECT_EQ(last, 5);
    for (std::int64_t window = 0; window <= 5; ++window)
      EXPECT_EQ(blocks_of_window[window].size(), window == 5 ? 2U : 3U);
  }
}

TEST(EpochOrder, BlockShuffleMixesWithinItsWindow) {
  EpochOrder const order(3, 0, 1000, {10, 10});
  std::int64_t num_neighbours = 0;
  for (std::int64_t p = 1; p < 1000; ++p)
    if (order.sample_at(p) == order.sample_at(p - 1) + 1) ++num_neighbours;
  // 1 in 100 by chance; 90 % of them if blocks were read in order.
  EXPECT_LT(num_neighbours, 40);
}

TEST(Permutation, KnowsThePositionOfEachElement) {
  for (std::int64_t n : {1, 2, 3, 17, 64, 65, 1000}) {
    Permutation const order(n, Rng{5, static_cast<std::uint64_t>(n)});
    for (std::int64_t p = 0; p < n; ++p)
      EXPECT_EQ(order.position_of(order.at(p)), p);
  }
}

TEST(EpochOrder, HoldsBillionsOfSamplesInNoMemory) {
  std::int64_t const n = 5'000'000'000;
  EpochOrder const order(3, 0, n);
  for (std::int64_t p = 0; p < n; p += n / 1000) {
    EXPECT_GE(order.sample_at(p), 0);
    EXPECT_LT(order.sample_at(p), n);
  }
}

TEST(EpochOrder, DependsOnSeedAndEpochOnly) {
  auto const samples = all_of(EpochOrder(5, 6, 100));
  EXPECT_EQ(samples, all_of(EpochOrder(5, 6, 100)));
  EXPECT_NE(samples, all_of(EpochOrder(5, 7, 100)));
  EXPECT_NE(samples, all_of(EpochOrder(6, 5, 100)));
}

// Over many epochs every sample must come to every position equally often.
// Chi-squared with (n-1)^2 degrees of freedom for such doubly stochastic
// tables; its mean is that and its deviation sqrt(2) (n-1), so that six
// deviations are never met by chance.
TEST(EpochOrder, GivesEverySampleEveryPositionEquallyOften) {
  for (std::size_t n : {2U, 3U, 5U, 16U, 17U}) {
    constexpr int kNumEpochs = 20000;
    std::vector<double> counts(n * n, 0.0);
    for (int epoch = 0; epoch < kNumEpochs; ++epoch) {
      EpochOrder const order(11, epoch, static_cast<std::int64_t>(n));
      for (std::size_t p = 0; p < n; ++p)
        counts[p * n + static_cast<std::size_t>(order.sample_at(
                           static_cast<std::int64_t>(p)))] += 1.0;
    }
    double const expected = kNumEpochs / static_cast<double>(n);
    double chi_squared = 0.0;
    for (auto count : counts)
      chi_squared += (count - expected) * (count - expected) / expected;
    // Scaled by (n-1)/n: rows and columns sum to constants.
    chi_squared *= static_cast<double>(n - 1) / static_cast<double>(n);
    auto const freedom = static_cast<double>((n - 1) * (n - 1));
    EXPECT_LT(chi_squared, freedom + 6.0 * std::sqrt(2.0 * freedom)) << n;
  }
}

// Neighbours in the data set (often recorded together) must not stay so.
TEST(EpochOrder, SeparatesNeighbours) {
  std::int64_t const n = 100000;
  EpochOrder const order(2, 0, n);
  std::int64_t num_close = 0;
  for (std::int64_t p = 1; p < n; ++p)
    if (std::abs(order.sample_at(p) - order.sample_at(p - 1)) <= 100)
      ++num_close;
  // Two uniform positions are within 100 with a probability near 0.002.
  EXPECT_NEAR(static_cast<double>(num_close), 200.0, 6.0 * std::sqrt(200.0));
}

TEST(EpochOrder, IdentityKeepsTheOrder) {
  EXPECT_EQ(all_of(EpochOrder::identity(4)),
            (std::vector<std::int64_t>{0, 1, 2, 3}));
}

TEST(EpochOrder, RefusesWhatIsOutOfRange) {
  EXPECT_THROW(EpochOrder(0, 0, -1), Error);
  EXPECT_THROW(EpochOrder(0, 0, 5).sample_at(5), Error);
  EXPECT_THROW(EpochOrder(0, 0, 5).sample_at(-1), Error);
  EXPECT_THROW(EpochOrder::identity(0).sample_at(0), Error);
}

}  // namespace
}  // namespace gasm
