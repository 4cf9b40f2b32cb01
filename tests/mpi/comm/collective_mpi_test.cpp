// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/collective.hpp"

#include <gtest/gtest.h>

#include "gasm/comm/agree.hpp"
#include "support/mpi_main.hpp"
#include "support/tree_reference.hpp"

namespace gasm {
namespace {

void add_range(TreeSum& sum, LeafRange range, std::int64_t seed) {
  sum.reset(range);
  for (std::int64_t i = 0; i < range.count; ++i)
    sum.add_leaf(make_leaf(seed, range.first + i, sum.num_values()));
}

void expect_tree_sum(Collective& collective, std::int64_t num_leaves,
                     LeafRange range, std::size_t num_values) {
  TreeSum sum(num_leaves, num_values);
  std::vector<float> out(num_values, -1.0f);
  // Twice, for the buffers of the first round are used again.
  for (std::int64_t seed : {5, 6}) {
    add_range(sum, range, seed);
    collective.reduce(sum, out);
    ASSERT_TRUE(same_bits(out, reference_sum(num_leaves, seed, num_values)))
        << num_leaves << " leaves, " << num_values << " values";
  }
}

TEST(TreeReduce, IsBitwiseTheRecursionForEvenShares) {
  auto const collective = make_mpi_collective(test_world());
  for (std::int64_t num_leaves = 1; num_leaves <= 17; ++num_leaves)
    expect_tree_sum(
        *collective, num_leaves,
        even_leaf_range(num_leaves, collective->rank(), collective->size()),
        1003);
}

TEST(TreeReduce, TakesAnyContiguousShares) {
  auto const collective = make_mpi_collective(test_world());
  int const last = collective->size() - 1;
  std::int64_t const num_leaves = 13;
  // All leaves on one rank, the others with none.
  for (int owner = 0; owner <= last; ++owner)
    expect_tree_sum(
        *collective, num_leaves,
        collective->rank() == owner ? LeafRange{0, num_leaves} : LeafRange{},
        50);
  // One leaf on each rank but the last, which has the rest.
  int const rank = collective->rank();
  expect_tree_sum(*collective, num_leaves,
                  {rank, rank == last ? num_leaves - last : 1}, 50);
}

TEST(TreeReduce, TakesFewerValuesThanRanks) {
  auto const collective = make_mpi_collective(test_world());
  for (std::size_t num_values : {0, 1, 2, 3})
    expect_tree_sum(*collective, 5,
                    even_leaf_range(5, collective->rank(), collective->size()),
                    num_values);
}

TEST(TreeReduce, TakesMoreValuesThanOneExchange) {
  auto const collective = make_mpi_collective(test_world());
  std::size_t const num_values = (std::size_t(1) << 22) + 4099;
  TreeSum sum(3, num_values);
  auto const range = even_leaf_range(3, collective->rank(), collective->size());
  sum.reset(range);
  // Leaf k holds value i as k * 2^-24 + i: a wrong order of additions shows.
  auto const value = [](std::int64_t leaf, std::size_t i) {
    return static_cast<float>(i % 1000) +
           static_cast<float>(leaf + 1) * 0x1p-13f * 1.37f;
  };
  std::vector<float> leaf(num_values);
  for (std::int64_t k = 0; k < range.count; ++k) {
    for (std::size_t i = 0; i < num_values; ++i)
      leaf[i] = value(range.first + k, i);
    sum.add_leaf(leaf);
  }
  std::vector<float> out(num_values);
  collective->reduce(sum, out);
  for (std::size_t i = 0; i < num_values; ++i) {
    float const pair = value(0, i) + value(1, i);
    ASSERT_EQ(out[i], pair + value(2, i)) << i;
  }
}

TEST(TreeReduce, RefusesPartsThatMakeNoWholeOnAllRanks) {
  auto const collective = make_mpi_collective(test_world());
  int const rank = collective->rank();
  int const size = collective->size();
  std::vector<float> out(4);
  auto const expect_refusal = [&](LeafRange range, std::size_t num_values) {
    TreeSum sum(2 * size, num_values);
    add_range(sum, range, 1);
    EXPECT_THROW(collective->reduce(sum, out), AgreedError);
  };
  expect_refusal({0, 2 * size}, 5);                                // too wide
  expect_refusal({2 * rank, rank == size - 1 ? 1 : 2}, 4);         // one lacks
  if (size > 1) expect_refusal({0, 2}, 4);                         // overlap
  if (size > 1) expect_refusal({2 * rank, 2}, rank == 1 ? 3 : 4);  // sizes
  TreeSum sum(2 * size, 4);
  sum.reset(2 * rank, 2);
  sum.add_leaf(out);
  EXPECT_THROW(collective->reduce(sum, out), AgreedError);  // not all added
  // And goes on working.
  expect_tree_sum(*collective, 2 * size, {2 * rank, 2}, 4);
}

TEST(MpiCollective, ReducesInPlace) {
  auto const collective = make_mpi_collective(test_world());
  int const n = collective->size();
  EXPECT_EQ(n, test_world().size());
  EXPECT_EQ(collective->rank(), test_world().rank());
  std::vector<float> values = {1.0f, static_cast<float>(collective->rank())};
  collective->all_reduce_sum(values);
  EXPECT_EQ(values, (std::vector<float>{static_cast<float>(n),
                                        static_cast<float>(n * (n - 1) / 2)}));
  values = {static_cast<float>(-collective->rank())};
  collective->all_reduce_max(values);
  EXPECT_EQ(values, std::vector<float>{0.0f});
}

}  // namespace
}  // namespace gasm
