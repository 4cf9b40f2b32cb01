// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/feature_augment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

using Floats = std::vector<float>;

constexpr FeatureShape kShape{
    .num_steps = 6, .num_tokens = 50, .num_channels = 4};

// Step s, token l, channel d holds 1000 s + 10 l + d + 1.
Floats make_features() {
  Floats features;
  for (int s = 0; s < 6; ++s)
    for (int l = 0; l < 50; ++l)
      for (int d = 0; d < 4; ++d)
        features.push_back(static_cast<float>(1000 * s + 10 * l + d + 1));
  return features;
}

TEST(ChooseView, EveryViewIsReadOnceInARow) {
  std::set<std::vector<std::int64_t>> orders;
  for (std::int64_t sample = 0; sample < 40; ++sample)
    for (std::int64_t round = 0; round < 3; ++round) {
      std::vector<std::int64_t> order;
      for (std::int64_t k = 0; k < 3; ++k)
        order.push_back(choose_view(7, 3 * round + k, sample, 3));
      orders.insert(order);
      std::sort(order.begin(), order.end());
      EXPECT_EQ(order, (std::vector<std::int64_t>{0, 1, 2}));
    }
  EXPECT_EQ(orders.size(), 6U);
  EXPECT_EQ(choose_view(7, 5, 5, 1), 0);
  EXPECT_THROW(choose_view(7, 0, 0, 0), Error);
}

TEST(DropTokens, TokensGoAsAWhole) {
  auto const before = make_features();
  int num_dropped = 0;
  constexpr int kNum = 200;
  Rng rng{1};
  for (int i = 0; i < kNum; ++i) {
    auto features = before;
    drop_tokens(features, kShape, 0.3, rng);
    for (std::size_t at = 0; at < features.size(); at += 4) {
      bool const is_dropped = features[at] == 0.0F;
      num_dropped += is_dropped ? 1 : 0;
      for (std::size_t d = 0; d < 4; ++d)
        EXPECT_EQ(features[at + d], is_dropped ? 0.0F : before[at + d]);
    }
  }
  EXPECT_NEAR(num_dropped, 0.3 * 300 * kNum, 5 * 112);
}

TEST(AddFeatureNoise, IsMeasuredByTheSpreadOfTheSample) {
  // Deviation exactly 2 about a mean of 5.
  Floats features(40000);
  for (std::size_t i = 0; i < features.size(); ++i)
    features[i] = i % 2 == 0 ? 3.0F : 7.0F;
  auto const before = features;
  Rng rng{2};
  add_feature_noise(features, 0.1, rng);
  double sum = 0.0;
  double squares = 0.0;
  for (std::size_t i = 0; i < features.size(); ++i) {
    double const change = static_cast<double>(features[i] - before[i]);
    sum += change;
    squares += change * change;
  }
  EXPECT_NEAR(sum / 40000, 0.0, 5 * 0.2 / 200);
  EXPECT_NEAR(std::sqrt(squares / 40000), 0.2, 0.004);
  auto again = before;
  add_feature_noise(again, 0.0, rng);
  EXPECT_EQ(again, before);
}

TEST(JitterSteps, MovesWholeStepsALittleAndKeepsTheirOrder) {
  auto const before = make_features();
  std::set<std::vector<int>> seen;
  Rng rng{3};
  for (int i = 0; i < 300; ++i) {
    auto features = before;
    jitter_steps(features, kShape, 1, rng);
    std::vector<int> sources;
    for (std::size_t s = 0; s < 6; ++s) {
      auto const source = static_cast<std::size_t>(features[200 * s]) / 1000;
      sources.push_back(static_cast<int>(source));
      EXPECT_LE(std::abs(static_cast<int>(source) - static_cast<int>(s)), 1);
      EXPECT_TRUE(std::equal(
          features.begin() + static_cast<std::ptrdiff_t>(200 * s),
          features.begin() + static_cast<std::ptrdiff_t>(200 * s + 200),
          before.begin() + static_cast<std::ptrdiff_t>(200 * source)));
    }
    EXPECT_TRUE(std::is_sorted(sources.begin(), sources.end()));
    seen.insert(sources);
  }
  EXPECT_GT(seen.size(), 30U);
  auto again = before;
  jitter_steps(again, kShape, 0, rng);
  EXPECT_EQ(again, before);
}

TEST(MixFeatures, WeighsBothAndLeavesTheMiddle) {
  Floats features{0, 8, 5, 5, 4, -8};
  mix_features(features, 3, 0.75);
  EXPECT_EQ(features, (Floats{1, 4, 5, 5, 3, -4}));
}

}  // namespace
}  // namespace gasm
