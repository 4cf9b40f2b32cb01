// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>
#include <vector>

#include "gasm/data/augment.hpp"

namespace gasm {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Box = std::tuple<int, int, int, int>;  // x, y, width, height

Box to_tuple(CropBox box) {
  return {box.x_px, box.y_px, box.width_px, box.height_px};
}

template <class Draw>
std::set<Box> boxes(Draw draw) {
  std::set<Box> seen;
  Rng rng{21};
  for (int i = 0; i < 4000; ++i) seen.insert(to_tuple(draw(rng)));
  return seen;
}

TEST(MultiScale, HasTsmsSizesAndPlaces) {
  AugmentConfig config;
  config.crop_scales = {1.0, 0.5};
  FrameSize const source{300, 200};
  // Sides 200 and 100; the room is cut into quarters rounded down.
  std::set<Box> expected;
  for (int const width : {200, 100})
    for (int const height : {200, 100}) {
      int const dx = (300 - width) / 4;
      int const dy = (200 - height) / 4;
      for (int const x : {0, 2, 4})
        for (int const y : {0, 2, 4})
          expected.insert({x * dx, y * dy, width, height});
      for (int const x : {1, 3})
        for (int const y : {1, 3})
          expected.insert({x * dx, y * dy, width, height});
    }
  EXPECT_EQ(boxes([&](Rng& rng) {
              return draw_multi_scale(config, source, {50, 50}, rng);
            }),
            expected);
}

TEST(MultiScale, SidesAreNeighboursInTheList) {
  AugmentConfig const config;  // 1, .875, .75, .66
  std::set<std::pair<int, int>> sides;
  for (auto const& [x, y, width, height] : boxes([&](Rng& rng) {
         return draw_multi_scale(config, {427, 240}, {224, 224}, rng);
       }))
    sides.insert({width, height});
  // 240 times the scales, rounded down: 240, 210, 180, 158.
  EXPECT_EQ(sides, (std::set<std::pair<int, int>>{{240, 240},
                                                  {240, 210},
                                                  {210, 240},
                                                  {210, 210},
                                                  {210, 180},
                                                  {180, 210},
                                                  {180, 180},
                                                  {180, 158},
                                                  {158, 180},
                                                  {158, 158}}));
}

TEST(MultiScale, ASideCloseToTheOutputsIsTheOutputs) {
  AugmentConfig config;
  config.crop_scales = {1.0};
  Rng rng{1};
  auto const box = draw_multi_scale(config, {300, 226}, {224, 224}, rng);
  EXPECT_EQ(box.width_px, 224);
  EXPECT_EQ(box.height_px, 224);
  // But never larger than the frame.
  EXPECT_EQ(draw_multi_scale(config, {300, 222}, {224, 224}, rng).height_px,
            222);
}

TEST(ShortSide, IsAWindowOfTheResizedFrame) {
  AugmentConfig const config;  // 256 to 320
  FrameSize const source{427, 240};
  constexpr int kNum = 20000;
  double width = 0.0;
  double inverse_squares = 0.0;
  double place_x = 0.0;
  std::set<int> widths;
  Rng rng{3};
  for (int i = 0; i < kNum; ++i) {
    auto const box = draw_short_side(config, source, {224, 224}, rng);
    ASSERT_EQ(box.width_px, box.height_px);
    ASSERT_GE(box.x_px, 0);
    ASSERT_GE(box.y_px, 0);
    ASSERT_LE(box.x_px + box.width_px, 427);
    ASSERT_LE(box.y_px + box.height_px, 240);
    width += box.width_px;
    inverse_squares += static_cast<double>(box.width_px) * box.width_px;
    place_x += box.x_px / static_cast<double>(427 - box.width_px);
    widths.insert(box.width_px);
  }
  // 224 * 240 / s: from 168 (s = 320) to 210 (s = 256), uniform as 1 / s is.
  EXPECT_EQ(*widths.begin(), 168);
  EXPECT_EQ(*widths.rbegin(), 210);
  double const mean = width / kNum;
  EXPECT_NEAR(mean, 189.0, 5.0 * 42.0 / std::sqrt(12.0 * kNum) + 0.05);
  EXPECT_NEAR(inverse_squares / kNum - mean * mean, 42.0 * 42.0 / 12.0, 4.0);
  EXPECT_NEAR(place_x / kNum, 0.5, 0.01);
}

TEST(ShortSide, FollowsTheOutputsShape) {
  AugmentConfig config;
  config.short_side_min_px = config.short_side_max_px = 200;
  Rng rng{4};
  // Short side 100 instead of 200: half of 120 x 80.
  auto const box = draw_short_side(config, {150, 100}, {120, 80}, rng);
  EXPECT_EQ(box.width_px, 60);
  EXPECT_EQ(box.height_px, 40);
}

TEST(TestBox, ThreeBoxesLieAlongTheLongerSide) {
  FrameSize const output{224, 224};
  auto const box = [&](FrameSize source, int index) {
    return to_tuple(test_box(source, output, {index, 3}));
  };
  EXPECT_EQ(box({427, 240}, 0), Box(0, 0, 240, 240));
  EXPECT_EQ(box({427, 240}, 1), Box(93, 0, 240, 240));
  EXPECT_EQ(box({427, 240}, 2), Box(187, 0, 240, 240));
  EXPECT_EQ(box({240, 427}, 0), Box(0, 0, 240, 240));
  EXPECT_EQ(box({240, 427}, 2), Box(0, 187, 240, 240));
  for (int const index : {0, 1, 2})
    EXPECT_EQ(box({240, 240}, index), Box(0, 0, 240, 240));
  EXPECT_EQ(to_tuple(test_box({427, 240}, output, {})), Box(93, 0, 240, 240));
}

TEST(DrawTransform, EvaluationHasNoneOfTheNewDraws) {
  AugmentConfig config;
  config.crop = CropKind::multi_scale;
  config.flip = FlipKind::none;
  config.jitter = 0.0;
  config.rand_augment.n = 8;
  config.erase.probability = 1.0;
  config.mix.mixup_alpha = 1.0;
  auto const fixed = without_randomness(config);
  EXPECT_EQ(fixed.crop, CropKind::center);
  EXPECT_FALSE(fixed.mix.is_on());
  Rng rng{5};
  auto const transform =
      draw_transform(fixed, {427, 240}, {224, 224}, true, rng);
  EXPECT_EQ(to_tuple(transform.crop), Box(93, 0, 240, 240));
  EXPECT_TRUE(transform.ops.empty());
  EXPECT_FALSE(transform.erased);
  EXPECT_EQ(rng.u64(), Rng{5}.u64());
  auto const drawn = draw_transform(config, {427, 240}, {224, 224}, true, rng);
  EXPECT_TRUE(drawn.erased);
}

// What is new must not change the draws of configurations without it.
TEST(DrawTransform, NewDrawsComeLast) {
  AugmentConfig config;
  Rng rng{6};
  auto const before = draw_transform(config, {427, 240}, {224, 224}, true, rng);
  config.rand_augment.n = 4;
  config.erase.probability = 0.5;
  Rng again{6};
  auto const after =
      draw_transform(config, {427, 240}, {224, 224}, true, again);
  EXPECT_EQ(to_tuple(before.crop), to_tuple(after.crop));
  EXPECT_EQ(before.mirror, after.mirror);
  EXPECT_EQ(before.saturation, after.saturation);
}

TEST(AugmentClip, OperationsThenMirrorThenErasing) {
  // One frame of 3 x 1: red 0, 10, 20; the other colours 0.
  Bytes frames{0, 0, 0, 10, 0, 0, 20, 0, 0};
  Bytes out(9);
  ClipTransform transform;
  transform.mirror = true;
  transform.ops = {{ImageOpKind::solarize_add, 100.0}};
  transform.erased = EraseBox{
      .x_px = 0, .y_px = 0, .width_px = 1, .height_px = 1, .noise_key = 1};
  augment_clip(transform, {3, 1}, frames, out);
  Bytes noise(9);
  erase_box(*transform.erased, {3, 1}, noise);
  EXPECT_EQ(
      out, (Bytes{noise[0], 110, 100, noise[3], 100, 100, noise[6], 100, 100}));
}

}  // namespace
}  // namespace gasm
