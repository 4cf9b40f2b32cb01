// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/work_counter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <sstream>
#include <thread>
#include <vector>

#include "support/mpi_main.hpp"

namespace gasm {
namespace {

constexpr std::int64_t kNum = 3000;

/// What two threads of this rank are given, up to kNum.
std::vector<std::int64_t> take_all(WorkCounter& counter) {
  std::vector<std::int64_t> taken[2];
  std::thread other([&] {
    for (auto n = counter.next(); n < kNum; n = counter.next())
      taken[1].push_back(n);
  });
  for (auto n = counter.next(); n < kNum; n = counter.next())
    taken[0].push_back(n);
  other.join();
  for (auto const& each : taken) EXPECT_TRUE(std::ranges::is_sorted(each));
  taken[0].insert(taken[0].end(), taken[1].begin(), taken[1].end());
  return taken[0];
}

std::vector<std::int64_t> of_all_ranks(std::vector<std::int64_t> const& mine) {
  std::ostringstream text;
  for (auto const n : mine) text << n << ' ';
  std::vector<std::int64_t> all;
  for (auto const& other : test_world().all_gather_strings(text.str())) {
    std::istringstream numbers(other);
    for (std::int64_t n = 0; numbers >> n;) all.push_back(n);
  }
  std::ranges::sort(all);
  return all;
}

TEST(WorkCounter, GivesEachNumberToOneRankOnce) {
  auto node = test_world().node_local();
  WorkCounter counter(node);
  auto const all = of_all_ranks(take_all(counter));
  ASSERT_EQ(std::ssize(all), kNum);
  for (std::int64_t n = 0; n < kNum; ++n)
    EXPECT_EQ(all[static_cast<std::size_t>(n)], n);
  counter.close();
  node.close();
}

TEST(WorkCounter, StopEndsTheWorkOfAllRanks) {
  auto node = test_world().node_local();
  WorkCounter counter(node);
  EXPECT_LT(counter.next(), node.size());
  node.barrier();
  if (node.rank() == node.size() - 1) counter.stop();
  node.barrier();
  for (int i = 0; i < 10; ++i)
    EXPECT_GT(counter.next(), std::numeric_limits<std::int64_t>::max() / 4);
  counter.close();
  node.close();
}

TEST(WorkCounter, TwoAreIndependent) {
  auto node = test_world().node_local();
  WorkCounter first(node);
  WorkCounter second(node);
  EXPECT_LT(first.next(), node.size());
  EXPECT_LT(second.next(), node.size());
  second.close();
  node.barrier();
  EXPECT_LT(first.next(), 2 * node.size());
  first.close();
  node.close();
}

}  // namespace
}  // namespace gasm
