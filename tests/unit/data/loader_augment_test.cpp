// SPDX-License-Identifier: Apache-2.0
#include "clip_set.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace gasm {
namespace {

// Everything that training can draw.
ClipLoaderOptions augmented_options() {
  auto options = full_options();
  options.sampling.kind = SamplingKind::motion;
  options.sampling.time_jitter = 1;
  options.sampling.frame_drop = 0.2;
  options.augment.crop = CropKind::multi_scale;
  options.augment.rand_augment.n = 4;
  options.augment.erase.probability = 0.5;
  options.augment.mix.mixup_alpha = 0.8;
  options.augment.mix.cutmix_alpha = 1.0;
  return options;
}

TEST(ClipLoader, AugmentedBatchesAreTheSameForAnyThreadsAndRanks) {
  auto const plan = make_plan(20, SampleOrder::shuffled);
  Slice const steps{0, 3};
  auto const expected =
      load_all(twenty_clips(), augmented_options(), plan, steps, {1, 1});
  EXPECT_EQ(expected.size(), 8U);
  EXPECT_NE(load_all(twenty_clips(), full_options(), plan, steps, {1, 1}),
            expected);
  for (World world : {World{1, 3}, World{2, 1}, World{3, 2}})
    EXPECT_EQ(load_all(twenty_clips(), augmented_options(), plan, steps, world),
              expected)
        << world.num_ranks << " ranks, " << world.num_threads << " threads";
}

TEST(ClipLoader, MixedBatchesAreSharesOfThePlainOnes) {
  auto const plan = make_plan(20, SampleOrder::sequential);
  auto options = plain_options();
  options.augment.flip = FlipKind::swap;  // labels are swapped before mixing
  ClipLoader const plain(twenty_clips(), options);
  options.augment.mix.mixup_alpha = 0.8;
  ClipLoader const mixing(twenty_clips(), options);
  std::set<double> shares;
  for (std::int64_t step = 0; step < 9; ++step) {
    auto const a = load_one(plain, plan, step, 0);
    auto const b = load_one(mixing, plan, step, 0);
    EXPECT_EQ(a.own_share, 1.0);
    EXPECT_FALSE(a.other_labels.defined());
    shares.insert(b.own_share);
    EXPECT_TRUE(b.labels.equal(a.labels));
    EXPECT_TRUE(b.other_labels.equal(a.labels.flip(0)));
    auto const levels = a.clips.to(torch::kDouble);
    auto const expected =
        b.own_share * levels + (1.0 - b.own_share) * levels.flip(0);
    // Rounded to the nearest level.
    EXPECT_LE(
        (b.clips.to(torch::kDouble) - expected).abs().max().item<double>(),
        0.5);
  }
  EXPECT_EQ(shares.size(), 9U);
}

TEST(ClipLoader, EvaluationMixesNothing) {
  auto options = augmented_options();
  options.mode = SampleMode::eval;
  ClipLoader const loader(twenty_clips(), options);
  auto const plan = make_plan(20, SampleOrder::sequential);
  auto const batch = load_one(loader, plan, 0, 0);
  EXPECT_EQ(batch.own_share, 1.0);
  EXPECT_FALSE(batch.other_labels.defined());
}

TEST(ClipLoader, ViewsAreClipsInTimeTimesWindows) {
  auto options = full_options();
  options.mode = SampleMode::eval;
  options.output = {kHeight, kHeight};  // 24 of 32 columns, not resized
  options.views = {2, 3};
  ClipLoader const loader(twenty_clips(), options);
  auto const plan = make_plan(20, SampleOrder::sequential);
  auto const batch = load_one(loader, plan, 1, 1);
  EXPECT_EQ(batch.num_views, 6);
  EXPECT_EQ(batch.size(), 2);
  EXPECT_EQ(batch.clips.sizes(), torch::IntArrayRef({12, 4, 3, 24, 24}));
  EXPECT_TRUE(batch.labels.equal(torch::tensor({1, 2}, torch::kInt64)));
  // t = 11 / 4: 1 4 6 9 and 0 2 5 8, sorted 0 1 2 4 5 6 8 9.
  std::vector<std::vector<int>> const frames{{0, 2, 5, 8}, {1, 4, 6, 9}};
  std::vector<int> const left{0, 4, 8};
  for (std::int64_t v = 0; v < 12; ++v) {
    auto const clip = static_cast<std::size_t>(v % 6 / 3);
    auto const crop = static_cast<std::size_t>(v % 3);
    auto const red =
        columns(false).slice(1, left[crop], left[crop] + 24).slice(0, 0, 24);
    for (std::int64_t t = 0; t < 4; ++t) {
      EXPECT_TRUE(plane(batch, v, t, 0).equal(red));
      auto const green = green_of(frames[clip][static_cast<std::size_t>(t)]);
      EXPECT_TRUE((plane(batch, v, t, 1) == green).all().item<bool>());
      EXPECT_TRUE(
          (plane(batch, v, t, 2) == blue_of(9 + v / 6)).all().item<bool>());
    }
  }
}

TEST(ClipLoader, MotionSamplingFollowsTheFrames) {
  auto options = plain_options();
  options.mode = SampleMode::eval;
  options.sampling.kind = SamplingKind::motion;
  ClipLoader const loader(twenty_clips(), options);
  auto const plan = make_plan(20, SampleOrder::sequential);
  auto const batch = load_one(loader, plan, 0, 0);
  // The same change from frame to frame: F(i) = i / 10, wanted 1.25, 3.75, 6.25
  // and 8.75 tenths.
  std::vector<int> const frames{1, 4, 6, 9};
  for (std::int64_t t = 0; t < 4; ++t)
    EXPECT_TRUE(
        (plane(batch, 0, t, 1) == green_of(frames[static_cast<std::size_t>(t)]))
            .all()
            .item<bool>());
}

TEST(ClipLoader, AMotionSampledVideoThatEndsEarlyIsBad) {
  auto const set = make_set(6, {}, {{1, kNumFrames + 5}});
  auto options = plain_options();
  options.sampling.kind = SamplingKind::motion;
  options.max_bad_fraction = 0.5;
  ClipLoader const loader(*set.store, options);
  auto const batch =
      load_one(loader, make_plan(6, SampleOrder::sequential), 0, 0);
  EXPECT_THAT(batch.samples, testing::ElementsAre(0, 2, 2));
  EXPECT_THAT(batch.bad_slots, testing::ElementsAre(1));
}

}  // namespace
}  // namespace gasm
