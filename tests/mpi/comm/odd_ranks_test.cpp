// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/odd_ranks.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gasm/comm/agree.hpp"
#include "same_start.hpp"
#include "support/mpi_main.hpp"

namespace gasm {
namespace {

TEST(OddRanks, AreThoseUnlikeMost) {
  EXPECT_FALSE(odd_among({7}));
  EXPECT_FALSE(odd_among({7, 7, 7}));
  auto const one = odd_among({1, 2, 2, 2});
  ASSERT_TRUE(one);
  EXPECT_EQ(one->odd, std::set<int>{0});
  EXPECT_EQ(one->usual, 1);
  EXPECT_EQ(one->who(), "rank 0");
  auto const some = odd_among({5, 9, 8, 9, 4, 9, 9});
  ASSERT_TRUE(some);
  EXPECT_EQ(some->who(), "ranks 0,2,4");
  EXPECT_EQ(some->usual, 1);
  // As many of each: the lower rank's counts.
  auto const even = odd_among({3, 6, 6, 3});
  ASSERT_TRUE(even);
  EXPECT_EQ(even->who(), "ranks 1-2");
  EXPECT_EQ(even->usual, 0);
}

TEST(OddRanks, LearnBothTexts) {
  auto const& world = test_world();
  EXPECT_FALSE(find_odd_ranks(world, std::string(5000, 'x')));
  EXPECT_FALSE(find_odd_ranks(world, ""));
  if (world.size() == 1) return;
  int const last = world.size() - 1;
  auto const found =
      find_odd_ranks(world, world.rank() == last ? "" : "usual text");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->odd, std::set<int>{last});
  EXPECT_EQ(found->usual, 0);
  EXPECT_EQ(found->of_odd, "");
  EXPECT_EQ(found->of_usual, "usual text");
}

TEST(OddRanks, FirstLinesThatDiffer) {
  auto const expect = [](LinePair const& found, std::string const& left,
                         std::string const& right) {
    EXPECT_EQ(found.left, left);
    EXPECT_EQ(found.right, right);
  };
  expect(first_difference("a\nb\nc\n", "a\nx\nc\n"), "b", "x");
  expect(first_difference("a\n", "a\nx\n"), "nothing", "x");
  expect(first_difference("a\nb", ""), "a", "nothing");
}

TEST(SameStart, ShowsTheWordsBetween) {
  using Words = std::vector<std::string>;
  auto const expect = [](Words const& left, Words const& right,
                         std::string const& of_left,
                         std::string const& of_right) {
    auto const found = difference_of(left, right);
    EXPECT_EQ(found.left, of_left);
    EXPECT_EQ(found.right, of_right);
  };
  expect({"train", "--set", "a=1", "-v"}, {"train", "--set", "a=2", "-v"},
         "\"a=1\"", "\"a=2\"");
  expect({"train", "--x"}, {"train", "--set", "a=2", "--x"}, "nothing",
         "\"--set a=2\"");
  expect({"x", "x"}, {"x", "x", "x"}, "nothing", "\"x\"");
  expect({}, {std::string(300, 'y')}, "nothing",
         "\"" + std::string(160, 'y') + " ...\"");
}

TEST(SameStart, RefusesOtherWords) {
  auto const& world = test_world();
  EXPECT_NO_THROW(require_same_start(world, {"train", "", "a b"}));
  if (world.size() == 1) return;
  std::vector<std::string> words = {"train", "lr=1"};
  if (world.rank() == world.size() - 1) words[1] = "lr=2";
  try {
    require_same_start(world, words);
    FAIL() << "the ranks differ";
  } catch (AgreedError const& refused) {
    EXPECT_EQ(refused.code(), ExitCode::usage);
    EXPECT_EQ(std::string(refused.what()),
              "the command line on rank " + std::to_string(world.size() - 1) +
                  " of " + std::to_string(world.size()) +
                  " has \"lr=2\" where that of rank 0 has \"lr=1\". Try the "
                  "same words on all ranks");
  }
  // Words are not their joint text.
  words = world.rank() == 0 ? std::vector<std::string>{"a b"}
                            : std::vector<std::string>{"a", "b"};
  EXPECT_THROW(require_same_start(world, words), AgreedError);
}

}  // namespace
}  // namespace gasm
