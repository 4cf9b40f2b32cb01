// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/augment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

using Bytes = std::vector<std::uint8_t>;

AugmentConfig no_augmentation() {
  AugmentConfig config;
  config.crop = CropKind::none;
  config.flip = FlipKind::none;
  config.jitter = 0.0;
  return config;
}

AugmentConfig with_crop(CropKind crop) {
  AugmentConfig config = no_augmentation();
  config.crop = crop;
  return config;
}

void expect_box(CropBox box, int x, int y, int width, int height) {
  EXPECT_EQ(box.x_px, x);
  EXPECT_EQ(box.y_px, y);
  EXPECT_EQ(box.width_px, width);
  EXPECT_EQ(box.height_px, height);
}

void expect_inside(CropBox box, FrameSize frame) {
  EXPECT_GE(box.x_px, 0);
  EXPECT_GE(box.y_px, 0);
  EXPECT_GE(box.width_px, 1);
  EXPECT_GE(box.height_px, 1);
  EXPECT_LE(box.x_px + box.width_px, frame.width_px);
  EXPECT_LE(box.y_px + box.height_px, frame.height_px);
}

TEST(Crop, NoneIsTheWholeFrame) {
  Rng rng{1};
  auto const t =
      draw_transform(no_augmentation(), {427, 240}, {224, 224}, true, rng);
  expect_box(t.crop, 0, 0, 427, 240);
  EXPECT_FALSE(t.mirror);
  EXPECT_FALSE(t.changes_colour());
}

TEST(Crop, CenterHasTheOutputsShape) {
  expect_box(center_box({427, 240}, {224, 224}), 93, 0, 240, 240);
  expect_box(center_box({240, 427}, {224, 224}), 0, 93, 240, 240);
  expect_box(center_box({400, 200}, {100, 100}), 100, 0, 200, 200);
  expect_box(center_box({400, 200}, {400, 100}), 0, 50, 400, 100);
  expect_box(center_box({1, 1000}, {1, 1}), 0, 499, 1, 1);
  expect_box(center_box({1000, 1}, {1, 1000}), 499, 0, 1, 1);
}

// Boxes of at most half a square frame with a ratio within [3/4, 4/3] always
// fit, so nothing is drawn again and the area is uniform, the log of the ratio
// too, and the place uniform over what is left.
TEST(Crop, RandomResizedHasTheRightDistribution) {
  AugmentConfig config = with_crop(CropKind::random_resized);
  config.scale_min = 0.1;
  config.scale_max = 0.5;
  config.ratio_min = 3.0 / 4.0;
  config.ratio_max = 4.0 / 3.0;
  FrameSize const frame{1000, 1000};
  constexpr int kNum = 20000;
  double area = 0.0;
  double area_squared = 0.0;
  double log_ratio_squared = 0.0;
  double log_ratio = 0.0;
  double place_x = 0.0;
  double place_y = 0.0;
  Rng rng{2};
  for (int i = 0; i < kNum; ++i) {
    auto const box = draw_random_resized(config, frame, rng);
    expect_inside(box, frame);
    double const share = 1e-6 * box.width_px * box.height_px;
    area += share / kNum;
    area_squared += share * share / kNum;
    double const ratio = std::log(static_cast<double>(box.width_px) /
                                  static_cast<double>(box.height_px));
    log_ratio += ratio / kNum;
    log_ratio_squared += ratio * ratio / kNum;
    place_x += box.x_px / static_cast<double>(1000 - box.width_px) / kNum;
    place_y += box.y_px / static_cast<double>(1000 - box.height_px) / kNum;
  }
  // A uniform variable of width w has variance w^2 / 12; means within five
  // standard errors.
  double const sqrt_num = std::sqrt(kNum);
  EXPECT_NEAR(area, 0.3, 5.0 * 0.4 / std::sqrt(12.0) / sqrt_num);
  EXPECT_NEAR(area_squared - area * area, 0.16 / 12.0, 5e-4);
  double const width = 2.0 * std::log(4.0 / 3.0);
  EXPECT_NEAR(log_ratio, 0.0, 5.0 * width / std::sqrt(12.0) / sqrt_num);
  EXPECT_NEAR(log_ratio_squared, width * width / 12.0, 1e-3);
  EXPECT_NEAR(place_x, 0.5, 5.0 / std::sqrt(12.0) / sqrt_num);
  EXPECT_NEAR(place_y, 0.5, 5.0 / std::sqrt(12.0) / sqrt_num);
}

TEST(Crop, RandomResizedFallsBackToTheCentre) {
  AugmentConfig config = with_crop(CropKind::random_resized);
  config.scale_min = 0.9;
  config.scale_max = 1.0;
  config.ratio_min = 3.0 / 4.0;
  config.ratio_max = 4.0 / 3.0;
  Rng rng{3};
  // No box of that area and ratio fits: height 30, width 30 * 4 / 3 = 40.
  expect_box(draw_random_resized(config, {1000, 30}, rng), 480, 0, 40, 30);
  // Width 30, height 30 / (3 / 4) = 40.
  expect_box(draw_random_resized(config, {30, 1000}, rng), 0, 480, 30, 40);
  config.ratio_min = config.ratio_max = 1.0;
  config.scale_min = config.scale_max = 1.0;
  expect_box(draw_random_resized(config, {50, 50}, rng), 0, 0, 50, 50);
}

TEST(Crop, RandomResizedStaysInsideTheSmallestFrames) {
  AugmentConfig const config = with_crop(CropKind::random_resized);
  Rng rng{4};
  for (int width = 1; width < 6; ++width)
    for (int height = 1; height < 6; ++height)
      for (int i = 0; i < 20; ++i)
        expect_inside(draw_random_resized(config, {width, height}, rng),
                      {width, height});
}

TEST(Crop, ShiftReachesItsBoundsAndNoFurther) {
  AugmentConfig config = with_crop(CropKind::shift);
  config.shift_px = 3;
  Rng rng{5};
  int least = 0;
  int most = 0;
  for (int i = 0; i < 300; ++i) {
    auto const t = draw_transform(config, {64, 48}, {32, 32}, false, rng);
    expect_box(t.crop, 8, 0, 48, 48);
    least = std::min({least, t.shift_x_px, t.shift_y_px});
    most = std::max({most, t.shift_x_px, t.shift_y_px});
  }
  EXPECT_EQ(least, -3);
  EXPECT_EQ(most, 3);
}

TEST(Augment, EvaluationKeepsNothingRandom) {
  AugmentConfig config;
  config.flip = FlipKind::swap;
  for (auto crop : {CropKind::random_resized, CropKind::shift, CropKind::center,
                    CropKind::none}) {
    config.crop = crop;
    Rng rng{6};
    auto const t = draw_transform(without_randomness(config), {427, 240},
                                  {224, 224}, true, rng);
    EXPECT_EQ(rng.u64(), Rng{6}.u64());
    EXPECT_EQ(t.crop.width_px, crop == CropKind::none ? 427 : 240);
    EXPECT_FALSE(t.mirror);
    EXPECT_FALSE(t.changes_colour());
  }
}

TEST(Augment, FactorsFillTheirRange) {
  AugmentConfig config = no_augmentation();
  config.jitter = 0.4;
  Rng rng{7};
  std::vector<float> drawn;
  for (int i = 0; i < 3000; ++i) {
    auto const t = draw_transform(config, {8, 8}, {8, 8}, false, rng);
    drawn.insert(drawn.end(), {t.brightness, t.contrast, t.saturation});
  }
  auto const [low, high] = std::minmax_element(drawn.begin(), drawn.end());
  EXPECT_GE(*low, 0.6F);
  EXPECT_LT(*low, 0.61F);
  EXPECT_LE(*high, 1.4F);
  EXPECT_GT(*high, 1.39F);
}

TEST(Augment, RefusesValuesOutOfRange) {
  auto const refused = [](auto change) {
    AugmentConfig config;
    change(config);
    EXPECT_THROW(check_augment(config), Error);
  };
  EXPECT_NO_THROW(check_augment(AugmentConfig{}));
  refused([](auto& c) { c.scale_min = 0.0; });
  refused([](auto& c) { c.scale_min = 0.8, c.scale_max = 0.5; });
  refused([](auto& c) { c.scale_max = 1.5; });
  refused([](auto& c) { c.ratio_min = -1.0; });
  refused([](auto& c) { c.ratio_min = 2.0, c.ratio_max = 1.0; });
  refused([](auto& c) { c.shift_px = -1; });
  refused([](auto& c) { c.jitter = std::nan(""); });
}

TEST(Mirror, PoliciesDecideByClass) {
  FlipMap const map{1, 0, 2, -1};  // left, right, up, no partner
  for (std::int64_t label = 0; label < 4; ++label)
    EXPECT_FALSE(may_mirror(FlipKind::none, map, label));
  EXPECT_TRUE(may_mirror(FlipKind::swap, map, 0));
  EXPECT_TRUE(may_mirror(FlipKind::swap, map, 2));
  EXPECT_FALSE(may_mirror(FlipKind::swap, map, 3));
  EXPECT_FALSE(may_mirror(FlipKind::exclude, map, 0));
  EXPECT_FALSE(may_mirror(FlipKind::exclude, map, 1));
  EXPECT_TRUE(may_mirror(FlipKind::exclude, map, 2));
  EXPECT_FALSE(may_mirror(FlipKind::exclude, map, 3));
  EXPECT_FALSE(may_mirror(FlipKind::swap, map, -1));
}

TEST(Mirror, HalfOfTheClipsAndNoneThatMustNotBe) {
  AugmentConfig config = no_augmentation();
  config.flip = FlipKind::swap;
  Rng rng{8};
  int num_mirrored = 0;
  for (int i = 0; i < 4000; ++i) {
    num_mirrored += draw_transform(config, {8, 8}, {8, 8}, true, rng).mirror;
    EXPECT_FALSE(draw_transform(config, {8, 8}, {8, 8}, false, rng).mirror);
  }
  EXPECT_NEAR(num_mirrored, 2000, 5 * std::sqrt(1000.0));
}

// A picture that tells where each of its levels comes from: one frame of 4 x 2
// with red = x, green = 10 + y, blue = 20 + frame.
Bytes coordinates(int num_frames) {
  Bytes frames;
  for (int t = 0; t < num_frames; ++t)
    for (int y = 0; y < 2; ++y)
      for (int x = 0; x < 4; ++x)
        for (int level : {x, 10 + y, 20 + t})
          frames.push_back(static_cast<std::uint8_t>(level));
  return frames;
}

Bytes transformed(ClipTransform const& t, FrameSize size, Bytes const& frames) {
  Bytes out(frames.size(), 77);
  transform_clip(t, size, frames, out);
  return out;
}

TEST(TransformClip, TurnsPixelsIntoPlanes) {
  EXPECT_EQ(transformed({}, {4, 2}, coordinates(2)),
            (Bytes{0,  1,  2,  3,  0,  1,  2,  3,   //
                   10, 10, 10, 10, 11, 11, 11, 11,  //
                   20, 20, 20, 20, 20, 20, 20, 20,  //
                   0,  1,  2,  3,  0,  1,  2,  3,   //
                   10, 10, 10, 10, 11, 11, 11, 11,  //
                   21, 21, 21, 21, 21, 21, 21, 21}));
}

TEST(TransformClip, MirrorsEveryFrame) {
  ClipTransform t;
  t.mirror = true;
  auto const out = transformed(t, {4, 2}, coordinates(2));
  for (std::size_t frame : {0U, 24U})
    EXPECT_EQ(Bytes(out.begin() + frame, out.begin() + frame + 8),
              (Bytes{3, 2, 1, 0, 3, 2, 1, 0}));
}

TEST(TransformClip, ShiftsAndRepeatsTheEdge) {
  ClipTransform t;
  t.shift_x_px = 1;
  t.shift_y_px = -1;
  auto const out = transformed(t, {4, 2}, coordinates(1));
  EXPECT_EQ(Bytes(out.begin(), out.begin() + 16),
            (Bytes{0, 0, 1, 2, 0, 0, 1, 2,  //
                   11, 11, 11, 11, 11, 11, 11, 11}));
  t.shift_x_px = -9;  // beyond the picture
  auto const far = transformed(t, {4, 2}, coordinates(1));
  EXPECT_EQ(Bytes(far.begin(), far.begin() + 8), Bytes(8, 3));
}

TEST(TransformClip, ScalesBrightness) {
  ClipTransform t;
  t.brightness = 0.5F;
  EXPECT_EQ(transformed(t, {1, 1}, {100, 200, 50}), (Bytes{50, 100, 25}));
  t.brightness = 2.0F;
  EXPECT_EQ(transformed(t, {1, 1}, {100, 200, 50}), (Bytes{200, 255, 100}));
}

TEST(TransformClip, ContrastGoesToTheMeanGreyOfTheWholeClip) {
  ClipTransform t;
  t.contrast = 0.0F;
  // Two frames of one pixel: grey levels 40 and 100, mean 70.
  EXPECT_EQ(transformed(t, {1, 1}, {40, 40, 40, 100, 100, 100}), Bytes(6, 70));
  t.contrast = 0.5F;
  EXPECT_EQ(transformed(t, {1, 1}, {40, 40, 40, 100, 100, 100}),
            (Bytes{55, 55, 55, 85, 85, 85}));
}

TEST(TransformClip, SaturationGoesToThePixelsGrey) {
  ClipTransform t;
  t.saturation = 0.0F;
  // 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2
  EXPECT_EQ(transformed(t, {1, 1}, {200, 100, 50}), (Bytes{124, 124, 124}));
  t.saturation = 0.5F;
  EXPECT_EQ(transformed(t, {1, 1}, {200, 100, 50}), (Bytes{162, 112, 87}));
}

TEST(TransformClip, ColourChangesTheSameWayInEveryFrame) {
  ClipTransform t;
  t.brightness = 1.3F;
  t.contrast = 0.7F;
  t.saturation = 1.4F;
  // The second pixel of the dark and of the bright frame are the same.
  Bytes const frames{5, 5, 5, 90, 120, 30, 250, 250, 250, 90, 120, 30};
  auto const out = transformed(t, {2, 1}, frames);
  for (std::size_t c = 0; c < 3; ++c)
    EXPECT_EQ(out[2 * c + 1], out[6 + 2 * c + 1]);
}

// The same formula in double precision, written frame by frame.
TEST(TransformClip, AgreesWithTheFormulaOnRandomClips) {
  constexpr std::size_t kPlane = 6 * 5;
  Rng rng{9};
  Bytes frames(4 * 3 * kPlane);
  for (auto& level : frames) level = static_cast<std::uint8_t>(rng.below(256));
  ClipTransform t;
  t.brightness = 1.2F;
  t.contrast = 1.35F;
  t.saturation = 0.65F;
  auto const out = transformed(t, {6, 5}, frames);

  auto const clamp = [](double v) { return std::clamp(v, 0.0, 255.0); };
  auto const grey = [](std::vector<double> const& c) {
    return 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2];
  };
  std::vector<std::vector<double>> pixels;
  double mean = 0.0;
  for (std::size_t i = 0; i < frames.size(); i += 3) {
    std::vector<double> c;
    for (std::size_t k = 0; k < 3; ++k)
      c.push_back(clamp(static_cast<double>(t.brightness) * frames[i + k]));
    mean += 3.0 * grey(c) / static_cast<double>(frames.size());
    pixels.push_back(c);
  }
  auto const blend = [&](std::vector<double>& c, double w, double other) {
    for (auto& v : c) v = clamp(w * v + (1.0 - w) * other);
  };
  for (std::size_t p = 0; p < pixels.size(); ++p) {
    auto c = pixels[p];
    blend(c, static_cast<double>(t.contrast), mean);
    blend(c, static_cast<double>(t.saturation), grey(c));
    std::size_t const frame = p / kPlane;
    for (std::size_t k = 0; k < 3; ++k)
      EXPECT_NEAR(out[frame * 3 * kPlane + k * kPlane + p % kPlane], c[k],
                  0.501);
  }
}

}  // namespace
}  // namespace gasm
