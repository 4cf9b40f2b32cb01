// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/feature_augment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

using Floats = std::vector<float>;

/// [6, 50, 4]: step s, token l, channel d holds 1000 s + 10 l + d + 1.
at::Tensor make_features() {
  auto const places = [](std::int64_t num, double unit) {
    return at::arange(num, at::kFloat) * unit;
  };
  return places(6, 1000).view({6, 1, 1}) + places(50, 10).view({50, 1}) +
         places(4, 1) + 1;
}

Floats floats_of(at::Tensor const& tensor) {
  auto const values = tensor.contiguous();
  return {values.const_data_ptr<float>(),
          values.const_data_ptr<float>() + values.numel()};
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
  auto const before = floats_of(make_features());
  int num_dropped = 0;
  constexpr int kNum = 200;
  Rng rng{1};
  for (int i = 0; i < kNum; ++i) {
    auto const tensor = make_features();
    drop_tokens(tensor, 0.3, rng);
    auto const features = floats_of(tensor);
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
  Floats before(40000);
  for (std::size_t i = 0; i < before.size(); ++i)
    before[i] = i % 2 == 0 ? 3.0F : 7.0F;
  auto const sample = at::tensor(before).view({4, 100, 100});
  Rng rng{2};
  add_feature_noise(sample, 0.1, rng);
  auto const features = floats_of(sample);
  double sum = 0.0;
  double squares = 0.0;
  for (std::size_t i = 0; i < features.size(); ++i) {
    double const change = static_cast<double>(features[i] - before[i]);
    sum += change;
    squares += change * change;
  }
  EXPECT_NEAR(sum / 40000, 0.0, 5 * 0.2 / 200);
  EXPECT_NEAR(std::sqrt(squares / 40000), 0.2, 0.004);
  auto const again = at::tensor(before).view({4, 100, 100});
  add_feature_noise(again, 0.0, rng);
  EXPECT_EQ(floats_of(again), before);
}

TEST(JitterSteps, MovesWholeStepsALittleAndKeepsTheirOrder) {
  auto const before = make_features();
  std::set<std::vector<int>> seen;
  Rng rng{3};
  for (int i = 0; i < 300; ++i) {
    auto const features = make_features();
    jitter_steps(features, 1, rng);
    std::vector<int> sources;
    for (int s = 0; s < 6; ++s) {
      auto const source = features[s][0][0].item<int>() / 1000;
      sources.push_back(source);
      EXPECT_LE(std::abs(source - s), 1);
      EXPECT_TRUE(features[s].equal(before[source]));
    }
    EXPECT_TRUE(std::is_sorted(sources.begin(), sources.end()));
    seen.insert(sources);
  }
  EXPECT_GT(seen.size(), 30U);
  auto const again = make_features();
  jitter_steps(again, 0, rng);
  EXPECT_TRUE(again.equal(before));
}

TEST(MixFeatures, WeighsBothAndLeavesTheMiddle) {
  auto const features = at::tensor(Floats{0, 8, 5, 5, 4, -8}).view({3, 2});
  mix_features(features, 0.75);
  EXPECT_EQ(floats_of(features), (Floats{1, 4, 5, 5, 3, -4}));
}

// A row of a larger tensor is changed in place.
TEST(FeatureAugment, WorksOnTheSampleOfABatch) {
  auto const batch = at::stack({make_features(), make_features()});
  Rng rng{4};
  drop_tokens(batch[1], 0.5, rng);
  EXPECT_TRUE(batch[0].equal(make_features()));
  EXPECT_FALSE(batch[1].equal(make_features()));
}

}  // namespace
}  // namespace gasm
