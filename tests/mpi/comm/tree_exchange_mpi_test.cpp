// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/tree_exchange.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "gasm/base/error.hpp"
#include "support/mpi_main.hpp"
#include "support/tree_reference.hpp"

namespace gasm {
namespace {

LeafRange my_range(std::int64_t num_leaves) {
  return even_leaf_range(num_leaves, test_world().rank(), test_world().size());
}

void fill(TreeSum& sum, std::int64_t num_leaves, std::int64_t seed) {
  auto const range = my_range(num_leaves);
  sum.reset(num_leaves, range);
  for (std::int64_t i = 0; i < range.count; ++i)
    sum.add_leaf(make_leaf(seed, range.first + i, sum.num_values()));
}

TEST(OwnedValues, ArePartsOfWholeBlocksThatFollowEachOther) {
  for (std::size_t num_values : {0u, 1u, 512u, 513u, 100000u})
    for (int num_ranks = 1; num_ranks <= 7; ++num_ranks) {
      std::size_t next = 0;
      for (int rank = 0; rank < num_ranks; ++rank) {
        auto const owned = owned_values(num_values, rank, num_ranks);
        EXPECT_EQ(owned.begin, next);
        next += owned.size;
        if (rank + 1 < num_ranks && owned.size > 0) {
          EXPECT_EQ(next % kOwnedBlock,
                    next == num_values ? next % kOwnedBlock : 0u);
        }
      }
      EXPECT_EQ(next, num_values);
    }
}

TEST(TreeExchange, IsBitwiseTheRecursion) {
  auto const comm = test_world().duplicate();
  for (std::size_t num_values : {0u, 1u, 511u, 5003u}) {
    TreeExchange exchange(comm, 3);
    TreeSum sum(1, num_values);
    for (std::int64_t num_leaves = 1; num_leaves <= 9; ++num_leaves) {
      fill(sum, num_leaves, 7);
      std::vector<float> out(num_values, -1.0F);
      exchange.post(sum, out, SumFor::all);
      wait_for({&exchange, 1});
      ASSERT_TRUE(same_bits(out, reference_sum(num_leaves, 7, num_values)))
          << num_leaves << " leaves, " << num_values << " values";
    }
  }
}

TEST(TreeExchange, GivesOwnersTheirPartAndLeavesTheRest) {
  auto const comm = test_world().duplicate();
  std::size_t const num_values = 4000;
  TreeExchange exchange(comm, 0);
  TreeSum sum(1, num_values);
  fill(sum, 6, 8);
  std::vector<float> out(num_values, -1.0F);
  exchange.post(sum, out, SumFor::owner);
  wait_for({&exchange, 1});
  auto expected = reference_sum(6, 8, num_values);
  auto const mine = owned_values(num_values, comm.rank(), comm.size());
  for (std::size_t i = 0; i < num_values; ++i)
    if (i < mine.begin || i >= mine.begin + mine.size) expected[i] = -1.0F;
  EXPECT_TRUE(same_bits(out, expected));
}

TEST(TreeExchange, SharesWhatEachRankOwns) {
  auto const comm = test_world().duplicate();
  for (std::size_t num_values : {0u, 5u, 3000u}) {
    TreeExchange exchange(comm, 0);
    auto const expected = make_leaf(1, 1, num_values);
    std::vector<float> values(num_values, -1.0F);
    auto const mine = owned_values(num_values, comm.rank(), comm.size());
    std::copy_n(expected.begin() + static_cast<std::ptrdiff_t>(mine.begin),
                mine.size,
                values.begin() + static_cast<std::ptrdiff_t>(mine.begin));
    exchange.post_share(values);
    wait_for({&exchange, 1});
    EXPECT_TRUE(same_bits(values, expected));
  }
}

/// The definition: subtrees rounded, added along the tree, rounded.
TEST(TreeExchange, RoundsEachSubtreeAndTheSumOnce) {
  auto const comm = test_world().duplicate();
  std::size_t const num_values = 3001;
  for (std::int64_t num_leaves : {1, 2, 4, 7}) {
    std::vector<TreeNode> nodes;
    std::vector<std::vector<float>> values;
    for (int rank = 0; rank < comm.size(); ++rank) {
      auto const range = even_leaf_range(num_leaves, rank, comm.size());
      TreeSum part(num_leaves, num_values);
      part.reset(range);
      for (std::int64_t i = 0; i < range.count; ++i)
        part.add_leaf(make_leaf(9, range.first + i, num_values));
      for (std::size_t i = 0; i < part.nodes().size(); ++i) {
        nodes.push_back(part.nodes()[i]);
        values.emplace_back(part.values(i).begin(), part.values(i).end());
      }
    }
    // Arithmetic of its own: the nearest multiple of 2^(exponent - 7).
    auto const rounded = [&](float value) {
      if (comm.size() == 1 || value == 0.0F) return value;
      int exponent = 0;
      std::frexp(value, &exponent);
      float const unit = std::ldexp(1.0F, exponent - 8);
      return std::nearbyint(value / unit) * unit;
    };
    for (auto& node : values)
      std::ranges::transform(node, node.begin(), rounded);
    for (auto const& step : plan_sum(num_leaves, nodes))
      add_values(values[step.left], values[step.right]);
    std::ranges::transform(values[0], values[0].begin(), rounded);

    for (auto const whom : {SumFor::all, SumFor::owner}) {
      TreeExchange exchange(comm, 0, TransitType::bf16);
      TreeSum sum(1, num_values);
      std::vector<float> out(num_values, -1.0F);
      for (int round = 0; round < 2; ++round) {  // buffers are used again
        fill(sum, num_leaves, 9);
        exchange.post(sum, out, whom);
        wait_for({&exchange, 1});
      }
      auto const mine = owned_values(num_values, comm.rank(), comm.size());
      for (std::size_t i = 0; i < num_values; ++i) {
        bool const is_mine = i >= mine.begin && i < mine.begin + mine.size;
        ASSERT_EQ(out[i], whom == SumFor::all || is_mine ? values[0][i] : -1.0F)
            << i;
      }
    }
  }
}

/// Against sums in double precision: the header's bound holds, and not by far.
TEST(TreeExchange, CompressionIsOffByWhatTheHeaderSays) {
  auto const comm = test_world().duplicate();
  std::size_t const num_values = 20011;
  auto const num_leaves = static_cast<std::int64_t>(comm.size());
  TreeExchange exchange(comm, 0, TransitType::bf16);
  TreeSum sum(1, num_values);
  fill(sum, num_leaves, 21);
  std::vector<float> out(num_values);
  exchange.post(sum, out, SumFor::all);
  wait_for({&exchange, 1});

  std::vector<double> exact(num_values), sizes(num_values);
  for (std::int64_t leaf = 0; leaf < num_leaves; ++leaf) {
    auto const values = make_leaf(21, leaf, num_values);
    for (std::size_t i = 0; i < num_values; ++i) {
      exact[i] += double{values[i]};
      sizes[i] += std::abs(double{values[i]});
    }
  }
  double largest = 0.0;
  for (std::size_t i = 0; i < num_values; ++i) {
    double const u = comm.size() > 1 ? 0x1p-8 : 0.0;
    double const fp32 = 0x1p-22 * sizes[i];
    double const bound = u * std::abs(exact[i]) + u * (1 + u) * sizes[i] + fp32;
    double const off = std::abs(double{out[i]} - exact[i]);
    ASSERT_LE(off, bound) << i;
    if (sizes[i] > 0.0) largest = std::max(largest, off / sizes[i]);
  }
  EXPECT_LT(largest, 0x1p-7 * 1.01);
  EXPECT_GT(largest, comm.size() > 1 ? 0x1p-9 : -1.0);
}

/// Channels may be posted in another order on each rank, while others are
/// under way.
TEST(TreeExchange, ChannelsDoNotMeet) {
  auto const comm = test_world().duplicate();
  int const num_channels = 5;
  std::size_t const num_values = 70001;
  std::vector<TreeExchange> exchanges;
  std::vector<TreeSum> sums;
  std::vector<std::vector<float>> outs(num_channels,
                                       std::vector<float>(num_values));
  for (int channel = 0; channel < num_channels; ++channel) {
    exchanges.emplace_back(comm, channel);
    sums.emplace_back(1, num_values);
  }
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < num_channels; ++i) {
      auto const c = static_cast<std::size_t>((i + comm.rank()) % num_channels);
      fill(sums[c], 4, 100 * round + static_cast<std::int64_t>(c));
      exchanges[c].post(sums[c], outs[c], SumFor::all);
      for (auto& exchange : exchanges) exchange.advance();
    }
    wait_for(exchanges);
    for (std::size_t c = 0; c < num_channels; ++c)
      ASSERT_TRUE(same_bits(
          outs[c], reference_sum(4, 100 * round + static_cast<std::int64_t>(c),
                                 num_values)))
          << "channel " << c << ", round " << round;
  }
}

TEST(TreeExchange, RefusesWhatIsNotReady) {
  auto const comm = test_world().duplicate();
  EXPECT_THROW(TreeExchange(comm, -1), Error);
  EXPECT_THROW(TreeExchange(comm, 16001), Error);
  TreeExchange exchange(comm, 0);
  std::vector<float> out(4);
  TreeSum sum(comm.size(), 4);
  sum.reset({comm.rank(), 1});
  EXPECT_THROW(exchange.post(sum, out, SumFor::all), Error);  // no leaf yet
  sum.add_leaf(out);
  EXPECT_THROW(exchange.post(sum, std::span(out).first(3), SumFor::all), Error);
  TreeSum of_others(comm.size() + 1, 4);  // the last rank adds two
  of_others.reset({0, 0});
  EXPECT_THROW(exchange.post(of_others, out, SumFor::all), Error);
  exchange.post(sum, out, SumFor::all);
  EXPECT_THROW(exchange.post(sum, out, SumFor::all), Error);
  wait_for({&exchange, 1});
}

}  // namespace
}  // namespace gasm
