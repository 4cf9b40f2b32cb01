// SPDX-License-Identifier: Apache-2.0
#include "gradient_sum.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "gasm/comm/agree.hpp"
#include "support/mpi_main.hpp"

namespace gasm {
namespace {

/// Layers of 40 x 40 with a bias, in a row; on request the last one unused.
struct Net {
  explicit Net(int num_layers) {
    torch::manual_seed(3);
    for (int i = 0; i < num_layers; ++i) {
      add("w" + std::to_string(i), at::randn({40, 40}) * 0.2);
      add("b" + std::to_string(i), at::randn({40}));
    }
  }
  void add(std::string const& name, at::Tensor value) {
    infos.push_back(
        {name, value.requires_grad_(), WeightDecay::off, ModelPart::fusion});
  }
  at::Tensor loss_sum(at::Tensor x, std::size_t num_layers) const {
    for (std::size_t i = 0; i < num_layers; ++i)
      x = at::tanh(
          at::addmm(infos[2 * i + 1].parameter, x, infos[2 * i].parameter));
    return x.square().sum();
  }

  std::vector<ParameterInfo> infos;
};

struct Expected {
  std::vector<at::Tensor> gradients;
  double norm = 0.0;
};

/// Of the mean over all clips, by one backward on one rank.
Expected expected_of(Net const& net, at::Tensor const& clips,
                     std::size_t num_layers) {
  std::vector<at::Tensor> used;
  for (std::size_t i = 0; i < 2 * num_layers; ++i)
    used.push_back(net.infos[i].parameter);
  auto const loss =
      net.loss_sum(clips, num_layers) / static_cast<double>(clips.size(0));
  Expected expected{torch::autograd::grad({loss}, used)};
  double squares = 0.0;
  for (auto const& gradient : expected.gradients)
    squares += gradient.to(at::kDouble).square().sum().item<double>();
  expected.norm = std::sqrt(squares);
  for (std::size_t i = used.size(); i < net.infos.size(); ++i)
    expected.gradients.push_back(at::zeros_like(net.infos[i].parameter));
  return expected;
}

at::Tensor clips_of_step(int step, std::int64_t num_clips) {
  torch::manual_seed(100 + step);
  return at::randn({num_clips, 40});
}

/// Micro-batches of one clip, but the last, which has the rest.
StepSums run_step(GradientSum& sums, Net const& net, at::Tensor const& clips,
                  std::int64_t num_micro, std::size_t num_layers) {
  sums.begin_step(num_micro, clips.size(0), 1.0);
  auto const mine =
      even_leaf_range(num_micro, test_world().rank(), test_world().size());
  for (std::int64_t i = mine.first; i < mine.first + mine.count; ++i) {
    auto const end = i + 1 == num_micro ? clips.size(0) : i + 1;
    sums.add_micro_batch(net.loss_sum(clips.slice(0, i, end), num_layers),
                         {.num_clips = end - i});
  }
  return sums.finish_step();
}

void expect_equal(GradientSum const& sums, Expected const& expected) {
  for (std::size_t i = 0; i < expected.gradients.size(); ++i)
    EXPECT_TRUE(
        at::allclose(sums.gradients()[i], expected.gradients[i], 1e-5, 1e-6))
        << "parameter " << i;
  EXPECT_NEAR(sums.norm(), expected.norm, 1e-6 * expected.norm);
}

// A few kilobytes, so that there are many of them.
constexpr GradientSumOptions kSmallBuckets = {
    .buckets = {.first_mb = 0.004, .mb = 0.02}};

TEST(GradientSum, IsThatOfOneRank) {
  Net const net(6);
  // Fewer micro-batches than ranks, shares that are not even, several a rank.
  for (std::int64_t const num_micro : {1, 2, 3, 5, 8}) {
    GradientSum sums(test_world(), net.infos, {}, kSmallBuckets);
    // In the first step the buckets are found, in the others they are used.
    for (int step = 0; step < 3; ++step) {
      auto const clips = clips_of_step(step, 11);
      auto const result = run_step(sums, net, clips, num_micro, 6);
      auto const expected = expected_of(net, clips, 6);
      expect_equal(sums, expected);
      EXPECT_NEAR(result.loss, net.loss_sum(clips, 6).item<double>() / 11.0,
                  1e-4);
    }
    EXPECT_GT(sums.layout().buckets.size(), 3u);
  }
}

/// Counts are exact, and gradients off by what the header says.
TEST(GradientSum, CompressedGradientsAreNear) {
  Net const net(4);
  Net const twin(4);
  auto options = kSmallBuckets;
  options.transit = TransitType::bf16;
  GradientSum sums(test_world(), net.infos, {}, options);
  GradientSum exact(test_world(), twin.infos, {}, kSmallBuckets);
  for (int step = 0; step < 3; ++step) {
    auto const clips = clips_of_step(step, 8);
    auto const result = run_step(sums, net, clips, 8, 4);
    EXPECT_EQ(result.loss, run_step(exact, twin, clips, 8, 4).loss);
    for (std::size_t i = 0; i < net.infos.size(); ++i) {
      auto const& expected = exact.gradients()[i];
      auto const off = (sums.gradients()[i] - expected).norm().item<double>();
      EXPECT_LE(off, 0.01 * expected.norm().item<double>());
      EXPECT_EQ(off > 0.0, test_world().size() > 1);
    }
  }
}

/// Backward completes the last layer first.
TEST(GradientSum, BucketsFollowBackward) {
  Net const net(6);
  GradientSum sums(test_world(), net.infos, {}, kSmallBuckets);
  run_step(sums, net, clips_of_step(0, 8), 8, 6);
  auto const& layout = sums.layout();
  for (std::size_t i = 0; i + 2 < net.infos.size(); ++i)
    EXPECT_GE(layout.bucket_of[i], layout.bucket_of[i + 2]) << i;
  EXPECT_EQ(layout.bucket_of.back(), 0u);
}

/// The exchange of the first buckets is posted while backward still runs.
TEST(GradientSum, ExchangeBeginsDuringBackward) {
  Net const net(6);
  GradientSum sums(test_world(), net.infos, {}, kSmallBuckets);
  for (int step = 0; step < 2; ++step)
    run_step(sums, net, clips_of_step(step, 8), 8, 6);
  auto const times = sums.exchange_times();
  ASSERT_GT(times.size(), 3u);
  EXPECT_LT(times.front().posted_s, times[times.size() - 2].posted_s);
  for (auto const& time : times) EXPECT_GE(time.done_s, time.posted_s);
}

TEST(GradientSum, DoesNotWaitForUnusedParameters) {
  Net const net(4);
  GradientSum sums(test_world(), net.infos, {}, kSmallBuckets);
  for (int step = 0; step < 3; ++step) {
    auto const clips = clips_of_step(step, 9);
    run_step(sums, net, clips, 5, 3);
    expect_equal(sums, expected_of(net, clips, 3));
  }
}

/// Used in the first step, and not later on.
TEST(GradientSum, DoesNotWaitForParametersThatAreNoLongerUsed) {
  Net const net(4);
  GradientSum sums(test_world(), net.infos, {}, kSmallBuckets);
  for (int step = 0; step < 3; ++step) {
    std::size_t const num_layers = step == 0 ? 4 : 3;
    auto const clips = clips_of_step(step, 9);
    run_step(sums, net, clips, 5, num_layers);
    expect_equal(sums, expected_of(net, clips, num_layers));
  }
}

TEST(GradientSum, RanksThatGiveUpHoldNobodyUp) {
  Net const net(4);
  GradientSum sums(test_world(), net.infos, {}, kSmallBuckets);
  int const size = test_world().size();
  auto const clips = clips_of_step(0, 2 * size);
  run_step(sums, net, clips, 2 * size, 4);
  sums.begin_step(2 * size, 2 * size, 1.0);
  // The last rank fails after one of its two micro-batches.
  bool const fails = test_world().rank() == size - 1;
  sums.add_micro_batch(net.loss_sum(clips.slice(0, 0, 1), 4), {});
  if (fails)
    sums.give_up_step();
  else
    sums.add_micro_batch(net.loss_sum(clips.slice(0, 1, 2), 4), {});
  sums.finish_step();
  // And the next step is whole again.
  run_step(sums, net, clips, 2 * size, 4);
  expect_equal(sums, expected_of(net, clips, 4));
}

TEST(GradientSum, GivesTheSameBitsForEveryOrderOfTheBuckets) {
  Net const net(6);
  auto const clips = clips_of_step(0, 8);
  auto const norm_after = [&](int num_steps,
                              GradientSumOptions const& options) {
    GradientSum sums(test_world(), net.infos, {}, options);
    for (int i = 0; i < num_steps; ++i) run_step(sums, net, clips, 8, 6);
    return sums.norm();
  };
  // The first step goes in one piece, the second in buckets.
  double const norm = norm_after(1, kSmallBuckets);
  EXPECT_EQ(norm_after(2, kSmallBuckets), norm);
  EXPECT_EQ(norm_after(2, {}), norm);
}

/// In the first step, before there are buckets, and in the second.
TEST(GradientSum, TellsWhichMicroBatchHadNoFiniteGradient) {
  Net const net(4);
  int const size = test_world().size();
  std::int64_t const num_micro = 3 * size;
  auto const num_bad = num_micro - 2;  // the last rank's second
  for (auto const whom : {SumFor::all, SumFor::owner}) {
    auto options = kSmallBuckets;
    options.whom = whom;
    for (int const bad_step : {0, 1}) {
      GradientSum sums(test_world(), net.infos, {}, options);
      for (int step = 0; step < 3; ++step) {
        auto clips = clips_of_step(step, num_micro);
        if (step == bad_step)
          clips[num_bad].fill_(std::numeric_limits<float>::infinity());
        run_step(sums, net, clips, num_micro, 4);
        EXPECT_EQ(std::isfinite(sums.norm()), step != bad_step);
        auto const expected =
            step == bad_step && test_world().rank() == size - 1
                ? std::optional(num_bad)
                : std::nullopt;
        EXPECT_EQ(sums.first_not_finite(), expected) << "step " << step;
      }
    }
  }
}

/// All odd ranks are named, and what they have.
TEST(GradientSum, RefusesOtherParametersOnOtherRanks) {
  int const size = test_world().size();
  Net net(2);
  if (test_world().rank() % 2 == 1) std::swap(net.infos[0], net.infos[2]);
  if (size == 1) {
    EXPECT_NO_THROW(GradientSum(test_world(), net.infos, {}, {}));
    return;
  }
  try {
    GradientSum const sums(test_world(), net.infos, {}, {});
    FAIL() << "the ranks differ";
  } catch (AgreedError const& refused) {
    EXPECT_EQ(
        std::string(refused.what())
            .find(size < 4 ? "the parameters that learn on rank 1 of "
                           : "the parameters that learn on ranks 1,3 of "),
        0u)
        << refused.what();
    EXPECT_NE(std::string(refused.what())
                  .find("(w1 [40, 40] where rank 0 has w0 [40, 40])"),
              std::string::npos)
        << refused.what();
  }
}

}  // namespace
}  // namespace gasm
