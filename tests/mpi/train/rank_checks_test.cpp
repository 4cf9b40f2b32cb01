// SPDX-License-Identifier: Apache-2.0
// Ranks that differ, and ranks that are slow.
#include "rank_checks.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>

#include "gasm/base/clock.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/collective_log.hpp"
#include "rank_skew.hpp"
#include "support/mpi_main.hpp"

namespace gasm {
namespace {

std::array<double, RankChecks::num_values> compared(RankChecks& checks,
                                                    std::int64_t step) {
  std::array<double, RankChecks::num_values> values{};
  checks.fill(values, step);
  test_world().all_reduce_max(std::span<double>(values));
  return values;
}

/// The same text on all ranks; "" if nothing is thrown.
std::string refusal(RankChecks& checks, std::int64_t step) {
  std::string text;
  try {
    checks.compare(compared(checks, step), step);
  } catch (AgreedError const& refused) {
    text = refused.what();
  }
  for (auto const& other : test_world().all_gather_strings(text))
    EXPECT_EQ(other, text);
  // What this function exchanged belongs to no step.
  take_call_digest();
  return text;
}

WatchConfig weights_every(int num_steps) {
  WatchConfig config;
  config.weights_every = num_steps;
  return config;
}

torch::nn::Linear equal_layer() {
  torch::manual_seed(3);
  return torch::nn::Linear(5, 3);
}

TEST(RankChecks, RanksThatAreEqualPass) {
  auto layer = equal_layer();
  RankChecks checks(test_world(), *layer, weights_every(1));
  for (int step = 0; step < 5; ++step) EXPECT_EQ(refusal(checks, step), "");
}

TEST(RankChecks, NameTheRankThatCalledSomethingElse) {
  if (test_world().size() < 3) GTEST_SKIP() << "most of three ranks agree";
  auto layer = equal_layer();
  RankChecks checks(test_world(), *layer, weights_every(0));
  EXPECT_EQ(refusal(checks, 0), "");
  for (int rank = 0; rank < test_world().size(); ++rank) {
    bool const is_odd = test_world().rank() == rank;
    {
      CollectiveScope const scope(
          "all_reduce", {.bytes = is_odd ? 44U : 40U, .type = "fp32"});
    }
    auto const text = refusal(checks, 1);
    auto const begin = "rank " + std::to_string(rank) + " of " +
                       std::to_string(test_world().size()) +
                       " called all_reduce of 44 bytes (fp32) as collective ";
    EXPECT_EQ(text.substr(0, begin.size()), begin) << text;
    EXPECT_NE(text.find("called all_reduce of 40 bytes (fp32) (found in step "
                        "2;"),
              std::string::npos)
        << text;
    EXPECT_EQ(refusal(checks, 2), "");
  }
}

TEST(RankChecks, NameTheRankWhoseWeightsDifferWhenItIsTime) {
  if (test_world().size() == 1) GTEST_SKIP() << "one rank equals itself";
  auto layer = equal_layer();
  auto config = weights_every(4);
  config.calls_every = 0;
  RankChecks checks(test_world(), *layer, config);
  if (test_world().rank() == 1) {
    torch::NoGradGuard const no_grad;
    layer->bias[2] = std::nextafter(layer->bias[2].item<float>(), 9.0F);
  }
  for (int step = 0; step < 3; ++step) EXPECT_EQ(refusal(checks, step), "");
  auto const text = refusal(checks, 3);
  EXPECT_NE(text.find("the weights of rank 1 of " +
                      std::to_string(test_world().size()) +
                      " are not those of rank 0 after step 3 (bias is the "
                      "first"),
            std::string::npos)
      << text;
}

OwnTimes times_of(double data_s, double forward_s, double num_clips) {
  return {.seconds = {data_s, forward_s, 0.0, 0.0}, .num_clips = num_clips};
}

TEST(Skew, IsThatOfOwnTimeAClip) {
  // Rank 1 has twice the clips, and is not slower for it; rank 2 has none.
  auto const skew = find_skew({times_of(1, 3, 2), times_of(2, 6, 4),
                               times_of(9, 9, 0), times_of(3, 3, 2)});
  ASSERT_TRUE(skew);
  EXPECT_EQ(skew->rank, 3);
  EXPECT_EQ(skew->part, StepPart::data);
  EXPECT_DOUBLE_EQ(skew->factor, 1.5);
  EXPECT_DOUBLE_EQ(skew->own_ms, 3000);
  EXPECT_DOUBLE_EQ(skew->median_ms, 2000);
  // Of two, the lower is the median.
  EXPECT_DOUBLE_EQ(find_skew({times_of(0, 4, 1), times_of(0, 2, 1)})->factor,
                   2.0);
  EXPECT_FALSE(find_skew({times_of(1, 1, 1), times_of(1, 1, 0)}));
}

TEST(Skew, WaitingForOthersIsNotOwnTime) {
  OwnTimes times;
  {
    PartScope const part(times, StepPart::backward);
    double const begin_s = monotonic_s();
    {
      CollectiveScope const scope("wait", 0);
      while (monotonic_s() < begin_s + 0.2) continue;
    }
    while (monotonic_s() < begin_s + 0.25) continue;
  }
  EXPECT_GT(times.total_s(), 0.03);
  EXPECT_LT(times.total_s(), 0.15);
  EXPECT_EQ(times.total_s(), times.seconds[2]);
}

TEST(Skew, IsNamedOnceUntilItIsOver) {
  auto const& world = test_world();
  if (world.size() == 1) GTEST_SKIP() << "one rank is compared with nobody";
  WatchConfig config;
  config.skew_factor = 1.5;
  config.skew_lines = 3;
  SkewWatch watch(config);
  int const slow = world.size() - 1;
  auto const line = [&](double factor) {
    watch.look(world, times_of(0.0, world.rank() == slow ? factor : 1.0, 1.0));
    auto const text = watch.warning(world);
    for (auto const& other : world.all_gather_strings(text))
      EXPECT_EQ(other, text);
    return text;
  };
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(line(2.0), "");
    EXPECT_EQ(line(2.0), "");
    auto const text = line(2.0);
    EXPECT_EQ(text.find("rank " + std::to_string(slow) + " on host "), 0u);
    EXPECT_NE(text.find("2.00 times the median rank's 1000.0 ms, for 3 lines "
                        "of the log, most of it in phase forward"),
              std::string::npos)
        << text;
    EXPECT_EQ(line(2.0), "");
    EXPECT_EQ(line(1.4), "");
  }
}

}  // namespace
}  // namespace gasm
