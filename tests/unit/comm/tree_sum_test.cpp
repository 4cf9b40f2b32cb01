// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/tree_sum.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "gasm/base/error.hpp"
#include "support/tree_reference.hpp"

namespace gasm {
namespace {

TEST(EvenLeafRange, CoversAllLeavesInOrder) {
  for (std::int64_t num_leaves = 1; num_leaves < 20; ++num_leaves)
    for (int num_ranks = 1; num_ranks < 8; ++num_ranks) {
      std::int64_t next = 0;
      for (int rank = 0; rank < num_ranks; ++rank) {
        auto const range = even_leaf_range(num_leaves, rank, num_ranks);
        EXPECT_EQ(range.first, next);
        EXPECT_GE(range.count, num_leaves / num_ranks);
        EXPECT_LE(range.count, num_leaves / num_ranks + 1);
        next += range.count;
      }
      EXPECT_EQ(next, num_leaves);
    }
}

TEST(CoverRange, IsTheFewestAlignedSubtrees) {
  using Nodes = std::vector<TreeNode>;
  EXPECT_EQ(cover_range(8, {0, 8}), (Nodes{{3, 0}}));
  EXPECT_EQ(cover_range(8, {1, 6}), (Nodes{{0, 1}, {1, 1}, {1, 2}, {0, 6}}));
  EXPECT_EQ(cover_range(8, {4, 0}), Nodes{});
  // Leaves 8 .. 10 are the whole right half of a tree over 11.
  EXPECT_EQ(cover_range(11, {8, 3}), (Nodes{{3, 1}}));
  EXPECT_EQ(cover_range(11, {9, 2}), (Nodes{{0, 9}, {1, 5}}));
  EXPECT_EQ(cover_range(1, {0, 1}), (Nodes{{0, 0}}));
}

TEST(TreeSum, HoldsTheNodesThatCoverItsRange) {
  for (std::int64_t num_leaves = 1; num_leaves <= 17; ++num_leaves)
    for (std::int64_t first = 0; first <= num_leaves; ++first)
      for (std::int64_t count = 0; first + count <= num_leaves; ++count) {
        TreeSum sum(num_leaves, 3);
        sum.reset(first, count);
        for (std::int64_t i = 0; i < count; ++i)
          sum.add_leaf(make_leaf(num_leaves, first + i, 3));
        EXPECT_TRUE(sum.is_complete());
        EXPECT_EQ(sum.nodes(), cover_range(num_leaves, {first, count}));
      }
}

TEST(TreeSum, EqualsTheRecursionBitForBit) {
  for (std::int64_t num_leaves = 1; num_leaves <= 17; ++num_leaves) {
    std::size_t const num_values = 100;
    TreeSum sum(num_leaves, num_values);
    for (int round = 0; round < 2; ++round) {
      sum.reset(0, num_leaves);
      for (std::int64_t i = 0; i < num_leaves; ++i)
        sum.add_leaf(make_leaf(num_leaves + round, i, num_values));
      ASSERT_EQ(sum.nodes().size(), 1u);
      EXPECT_TRUE(
          same_bits(sum.values(0),
                    reference_sum(num_leaves, num_leaves + round, num_values)));
    }
  }
}

TEST(TreeSum, TakesLentLeavesWithoutCopies) {
  std::size_t const num_values = 100;
  TreeSum sum(1, num_values);
  for (std::int64_t num_leaves = 1; num_leaves <= 9; ++num_leaves)
    for (std::int64_t lent = 0; lent < num_leaves; ++lent) {
      sum.reset(num_leaves, {0, num_leaves});
      auto mine = make_leaf(num_leaves, lent, num_values);
      for (std::int64_t i = 0; i < num_leaves; ++i) {
        if (i == lent)
          sum.lend_leaf(mine);
        else
          sum.add_leaf(make_leaf(num_leaves, i, num_values));
      }
      ASSERT_TRUE(same_bits(sum.values(0),
                            reference_sum(num_leaves, num_leaves, num_values)))
          << num_leaves << " leaves, lent: " << lent;
      if (lent == 0) {
        EXPECT_EQ(sum.values(0).data(), mine.data());
      }
    }
}

TEST(TreeSum, ReferenceDependsOnTheOrder) {
  // The values must be able to show a wrong order of additions.
  std::int64_t const num_leaves = 17;
  auto total = make_leaf(num_leaves, 0, 100);
  for (std::int64_t i = 1; i < num_leaves; ++i)
    add_values(total, make_leaf(num_leaves, i, 100));
  EXPECT_FALSE(same_bits(total, reference_sum(num_leaves, num_leaves, 100)));
}

TEST(TreeSum, HoldsFewVectors) {
  std::int64_t const num_leaves = 1024;
  TreeSum sum(num_leaves, 1);
  sum.reset(1, num_leaves - 2);
  std::vector<float> const one = {1.0f};
  std::size_t most = 0;
  while (!sum.is_complete()) {
    sum.add_leaf(one);
    most = std::max(most, sum.nodes().size());
  }
  EXPECT_LE(most, 2u * 10u);
}

TEST(TreeSum, RefusesBadInput) {
  EXPECT_THROW(TreeSum(0, 1), Error);
  TreeSum sum(4, 2);
  EXPECT_THROW(sum.reset(-1, 1), Error);
  EXPECT_THROW(sum.reset(3, 2), Error);
  EXPECT_THROW(sum.reset(0, -1), Error);
  EXPECT_THROW(sum.reset(0, LeafRange{0, 0}), Error);
  EXPECT_THROW(sum.reset(2, LeafRange{0, 3}), Error);
  sum.reset(0, 1);
  EXPECT_THROW(sum.add_leaf(std::vector<float>(3)), Error);
  sum.add_leaf(std::vector<float>(2));
  EXPECT_THROW(sum.add_leaf(std::vector<float>(2)), Error);
}

}  // namespace
}  // namespace gasm
