// SPDX-License-Identifier: Apache-2.0
// Who is to blame when ranks no longer meet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gasm/comm/call_difference.hpp"
#include "watchdog_report.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

StatusRow row(int rank, std::uint64_t sequence, bool is_inside) {
  return {.rank = rank,
          .host = "n" + std::to_string(rank),
          .pid = 100 + rank,
          .since_unix_s = 990,
          .written_unix_s = 999,
          .sequence = sequence,
          .inside = is_inside,
          .collective = is_inside ? "all_reduce" : "broadcast",
          .bucket = -1,
          .parameter = "",
          .phase = "train",
          .progress = "train step 3"};
}

HangFacts facts_of(std::vector<StatusRow> rows) {
  HangFacts facts{.num_ranks = static_cast<int>(rows.size()),
                  .now_unix_s = 1000};
  facts.rows = std::move(rows);
  return facts;
}

FlightCall call(std::uint64_t sequence, std::string kind,
                std::uint64_t bytes = 8) {
  return {.sequence = sequence,
          .kind = std::move(kind),
          .bytes = bytes,
          .type = "fp32",
          .phase = "train"};
}

using Ranks = std::set<int>;

TEST(Hang, WhoDidNotComeIsNamedWithAllThatIsKnown) {
  auto slow = row(1, 811, false);
  slow.phase = "train > backward";
  slow.bucket = 2;
  slow.parameter = "head.weight";
  auto facts = facts_of({row(0, 812, true), slow, row(2, 812, true)});
  facts.processes[1] = "sleeps";
  EXPECT_EQ(judge_hang(facts).culprits, Ranks{1});
  EXPECT_EQ(
      describe_hang(facts),
      "[rank 0] watchdog: culprit: rank 1 (did not come to collective 812)\n"
      "[rank 0] watchdog: rank 1 on host n1, pid 101 (sleeps): 10.0 s in "
      "phase \"train > backward\" after train step 3, after collective 811 "
      "(broadcast), last gradient head.weight (bucket 2)\n"
      "[rank 0] watchdog: ranks 0,2 wait inside collective 812 (all_reduce) "
      "in phase \"train\"\n");
}

TEST(Hang, WhoWaitsInAnEarlierCollectiveIsBehindToo) {
  EXPECT_EQ(judge_hang(facts_of({row(0, 9, true), row(1, 8, true)})).culprits,
            Ranks{1});
  // Of two that are as far, the one that is outside.
  auto const facts =
      facts_of({row(0, 9, true), row(1, 8, true), row(2, 8, false)});
  EXPECT_EQ(judge_hang(facts).culprits, Ranks{2});
}

TEST(Hang, WhoIsSilentOrDoesNotAnswerComesFirst) {
  auto facts = facts_of({row(0, 812, true), row(1, 811, false), StatusRow{}});
  EXPECT_EQ(judge_hang(facts).culprits, Ranks{2});
  EXPECT_THAT(describe_hang(facts), HasSubstr("rank 2 (said nothing"));
  facts.has_all_rows = false;
  EXPECT_EQ(judge_hang(facts).culprits, Ranks{1});
  facts = facts_of({row(0, 812, true), row(1, 812, true), row(2, 812, true)});
  facts.unanswering = {2};
  EXPECT_EQ(judge_hang(facts).culprits, Ranks{2});
  EXPECT_THAT(describe_hang(facts), HasSubstr("rank 2 (does not answer)"));
}

TEST(Hang, WhoCalledSomethingElseIsNamedThoughAllWait) {
  auto facts =
      facts_of({row(0, 812, true), row(1, 812, true), row(2, 812, true)});
  EXPECT_THAT(judge_hang(facts).culprits, IsEmpty());
  EXPECT_THAT(describe_hang(facts), HasSubstr("no culprit stands out"));
  facts.calls = {{call(811, "broadcast"), call(812, "all_reduce", 40)},
                 {call(811, "broadcast"), call(812, "all_reduce", 44)},
                 {call(811, "broadcast"), call(812, "all_reduce", 40)}};
  EXPECT_EQ(judge_hang(facts).culprits, Ranks{1});
  EXPECT_THAT(describe_hang(facts),
              HasSubstr("rank 1 (calls all_reduce of 44 bytes (fp32) as "
                        "collective 812, where rank 0 calls all_reduce of 40 "
                        "bytes (fp32))"));
}

TEST(Hang, OutsideOfCollectivesTheLongestWaitCounts) {
  auto slow = row(1, 5, false);
  auto const both = facts_of({row(0, 5, false), slow});
  EXPECT_THAT(judge_hang(both).culprits, IsEmpty());
  slow.since_unix_s -= 3;
  EXPECT_EQ(judge_hang(facts_of({row(0, 5, false), slow})).culprits, Ranks{1});
  // Waiting for a share of parameters is no collective that is counted.
  EXPECT_EQ(judge_hang(facts_of({row(0, 5, false), row(1, 5, true)})).culprits,
            Ranks{0});
}

TEST(CallDifference, FindsTheFirstWhereAllHaveCalls) {
  std::vector<FlightCall> const usual = {call(3, "a"), call(4, "b"),
                                         call(5, "c"), call(6, "d")};
  EXPECT_FALSE(first_call_difference({usual, usual, {}}));
  EXPECT_FALSE(first_call_difference({usual, {}}));
  // One is behind, and the other has forgotten the oldest.
  EXPECT_FALSE(first_call_difference(
      {{usual[0], usual[1]}, {usual[1], usual[2], usual[3]}}));
  auto other = usual;
  other[1].type = "fp64";
  other[2].bytes = 99;
  auto const found = first_call_difference({usual, other, {}, usual});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->sequence, 4u);
  EXPECT_EQ(found->ranks.odd, Ranks{1});
  EXPECT_EQ(found->ranks.usual, 0);
  EXPECT_EQ(found->ranks.of_odd, "b of 8 bytes (fp64)");
  EXPECT_EQ(found->ranks.of_usual, "b of 8 bytes (fp32)");
  EXPECT_EQ(first_call_difference({usual, other}, 4)->sequence, 5u);
  EXPECT_FALSE(first_call_difference({usual, other}, 5));
}

TEST(CallDifference, SizesOfEachRanksOwnAreNone) {
  auto mine = call(1, "gather", 5);
  auto theirs = call(1, "gather", 7);
  mine.is_uniform = theirs.is_uniform = false;
  EXPECT_FALSE(first_call_difference({{mine}, {theirs}}));
}

TEST(CallDifference, OfTwoRanksWhoLeavesTheUsualCourseIsOdd) {
  // a b c a b c ..., and rank 0 leaves out the second b.
  std::vector<FlightCall> usual;
  for (std::uint64_t i = 0; i < 9; ++i)
    usual.push_back(
        call(i + 1, std::string(1, static_cast<char>('a' + i % 3))));
  auto skipping = usual;
  for (std::size_t i = 4; i < 8; ++i) skipping[i].kind = usual[i + 1].kind;
  skipping.pop_back();
  for (bool const is_first : {true, false}) {
    auto const found = first_call_difference(
        is_first ? std::vector{skipping, usual} : std::vector{usual, skipping});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->sequence, 5u);
    EXPECT_EQ(found->ranks.odd, Ranks{is_first ? 0 : 1});
    EXPECT_EQ(found->ranks.of_odd, "c of 8 bytes (fp32)");
    EXPECT_EQ(found->ranks.of_usual, "b of 8 bytes (fp32)");
  }
}

TEST(CallDifference, PostsMayHaveAnyOrder) {
  auto const post = [](std::uint64_t after, int bucket) {
    auto posted = call(after, "bucket");
    posted.is_posted = true;
    posted.bucket = bucket;
    return posted;
  };
  std::vector<FlightCall> const usual = {call(1, "a"), post(1, 0), post(1, 1),
                                         call(2, "b")};
  std::vector<FlightCall> const turned = {call(1, "a"), post(1, 1), post(1, 0),
                                          call(2, "b")};
  EXPECT_FALSE(first_call_difference({usual, turned}));
  std::vector<FlightCall> const fewer = {call(1, "a"), post(1, 1),
                                         call(2, "b")};
  auto const found = first_call_difference({usual, usual, fewer});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->ranks.odd, Ranks{2});
}

}  // namespace
}  // namespace gasm
