// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/flight_file.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <fstream>

#include "gasm/base/clock.hpp"
#include "gasm/comm/collective_log.hpp"
#include "gasm/comm/stage.hpp"
#include "gasm/comm/watchdog.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

TEST(FlightRecorder, KeepsTheLastThousandCalls) {
  for (std::uint64_t i = 0; i < 1500; ++i) CollectiveScope scope("call", i);
  auto const last = last_collective().sequence;
  auto const calls = recent_calls();
  ASSERT_EQ(calls.size(), 1000u);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(calls[i].sequence, last - 999 + i);
    EXPECT_EQ(calls[i].bytes, 500 + i);
    EXPECT_EQ(calls[i].kind, "call");
    EXPECT_GE(calls[i].end_s, calls[i].begin_s);
    EXPECT_NEAR(calls[i].end_s, unix_time_s(), 60);
  }
}

TEST(FlightRecorder, OneCallInsideAnotherBelongsToTheOuter) {
  auto const before = last_collective().sequence;
  {
    CollectiveScope outer("outer", 8);
    CollectiveScope inner("inner", 4);
    EXPECT_EQ(recent_calls().back().end_s, 0.0);
  }
  EXPECT_EQ(last_collective().sequence, before + 1);
  EXPECT_EQ(recent_calls().back().kind, "outer");
  EXPECT_GT(recent_calls().back().end_s, 0.0);
}

TEST(FlightRecorder, CountsTimeInsideAndPostsOutside) {
  double const before_s = seconds_in_collectives();
  PostedCall posted;
  posted.begin("bucket", {.bytes = 12, .type = "fp32"}, 3);
  double const begin_s = monotonic_s();
  {
    WaitScope wait("wait");
    EXPECT_TRUE(last_collective().inside);
    while (monotonic_s() < begin_s + 0.05) continue;
  }
  EXPECT_FALSE(last_collective().inside);
  EXPECT_NEAR(seconds_in_collectives() - before_s, 0.05, 0.04);
  EXPECT_EQ(recent_calls().back().bucket, 3);
  EXPECT_EQ(recent_calls().back().end_s, 0.0);
  posted.end();
  EXPECT_TRUE(recent_calls().back().is_posted);
  EXPECT_GT(recent_calls().back().end_s, 0.0);
}

std::uint64_t digest_of(std::vector<std::uint64_t> const& sizes,
                        std::vector<int> const& buckets, bool is_uniform) {
  take_call_digest();
  for (auto const size : sizes)
    CollectiveScope scope("sum", {.bytes = size, .is_uniform = is_uniform});
  for (auto const bucket : buckets) {
    PostedCall call;
    call.begin("bucket", {.bytes = 4}, bucket);
    call.end();
  }
  return take_call_digest();
}

TEST(CallDigest, DependsOnWhatWasCalledAndNotOnWhenItWasPosted) {
  auto const usual = digest_of({4, 8}, {0, 1}, true);
  EXPECT_EQ(digest_of({4, 8}, {0, 1}, true), usual);
  EXPECT_EQ(digest_of({4, 8}, {1, 0}, true), usual);
  EXPECT_NE(digest_of({8, 4}, {0, 1}, true), usual);
  EXPECT_NE(digest_of({4}, {0, 1}, true), usual);
  EXPECT_NE(digest_of({4, 8}, {0}, true), usual);
  EXPECT_NE(digest_of({4, 8}, {0, 2}, true), usual);
  EXPECT_EQ(digest_of({4, 8}, {}, false), digest_of({5, 9}, {}, false));
}

TEST(FlightFile, ComesBackAsWritten) {
  TempFolder folder;
  auto const path = flight_path(folder.path(), 3);
  EXPECT_EQ(path.filename(), "flight-rank-3.json");
  set_flight_file(path, 3);
  Watchdog watchdog;
  Phase phase(watchdog, "open \"a\\b\"", 0);
  Stage const stage("forward");
  { CollectiveScope scope("broadcast", {.bytes = 40, .type = "fp64"}); }
  CollectiveScope scope("gather", {.bytes = 7, .is_uniform = false});
  ASSERT_TRUE(write_flight_file("watchdog"));
  auto const flight = read_flight_file(path);
  ASSERT_TRUE(flight);
  EXPECT_EQ(flight->rank, 3);
  EXPECT_EQ(flight->pid, getpid());
  EXPECT_EQ(flight->reason, "watchdog");
  EXPECT_EQ(flight->phase, R"(open \"a\\b\" > forward)");
  auto const& calls = flight->calls;
  ASSERT_GE(calls.size(), 2u);
  auto const& first = calls[calls.size() - 2];
  EXPECT_EQ(first.kind, "broadcast");
  EXPECT_EQ(first.bytes, 40u);
  EXPECT_EQ(first.type, "fp64");
  EXPECT_TRUE(first.is_uniform);
  EXPECT_EQ(first.bucket, -1);
  EXPECT_NEAR(first.begin_s, unix_time_s(), 60);
  EXPECT_GE(first.end_s, first.begin_s);
  EXPECT_EQ(calls.back().kind, "gather");
  EXPECT_FALSE(calls.back().is_uniform);
  EXPECT_EQ(calls.back().sequence, first.sequence + 1);
  EXPECT_EQ(calls.back().end_s, 0.0);
  // The first failure counts.
  EXPECT_FALSE(write_flight_file("later"));
  EXPECT_EQ(read_flight_file(path)->reason, "watchdog");
  set_flight_file({}, 0);
  EXPECT_FALSE(write_flight_file("nowhere"));
}

TEST(FlightFile, OthersAreNone) {
  TempFolder folder;
  EXPECT_FALSE(read_flight_file(folder / "none"));
  for (auto const* text : {"", "\n", "{\"schema\":\"gasm.flight\"}\n",
                           "{\"schema\":\"other\",\"rank\":1}\n"}) {
    std::ofstream(folder / "odd") << text;
    EXPECT_FALSE(read_flight_file(folder / "odd")) << text;
  }
}

}  // namespace
}  // namespace gasm
