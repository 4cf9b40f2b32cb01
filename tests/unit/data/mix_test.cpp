// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/mix.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "gasm/data/erase.hpp"

namespace gasm {
namespace {

using Bytes = std::vector<std::uint8_t>;

// The largest distance of the numbers' distribution from `cdf`.
template <class Cdf>
double kolmogorov(std::vector<double> numbers, Cdf cdf) {
  std::sort(numbers.begin(), numbers.end());
  auto const num = static_cast<double>(numbers.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    double const wanted = cdf(numbers[i]);
    auto const at = static_cast<double>(i);
    worst = std::max({worst, std::abs(wanted - at / num),
                      std::abs(wanted - (at + 1.0) / num)});
  }
  return worst;
}

std::vector<double> draw_betas(double alpha, int num) {
  Rng rng{11};
  std::vector<double> numbers;
  for (int i = 0; i < num; ++i) numbers.push_back(draw_beta(alpha, rng));
  return numbers;
}

// Closed forms: Beta(1, 1) is uniform, Beta(1/2, 1/2) the arcsine law, and
// Beta(2, 2) has the distribution 3 x^2 - 2 x^3. 2 / sqrt(n) is passed with a
// probability below 0.001.
TEST(DrawBeta, HasItsDistribution) {
  constexpr int kNum = 20000;
  double const limit = 2.0 / std::sqrt(kNum);
  EXPECT_LT(kolmogorov(draw_betas(1.0, kNum), [](double x) { return x; }),
            limit);
  EXPECT_LT(kolmogorov(draw_betas(0.5, kNum),
                       [](double x) {
                         return 2.0 / std::numbers::pi *
                                std::asin(std::sqrt(x));
                       }),
            limit);
  EXPECT_LT(kolmogorov(draw_betas(2.0, kNum),
                       [](double x) { return x * x * (3.0 - 2.0 * x); }),
            limit);
}

TEST(DrawBeta, SmallAlphasStayNumbers) {
  int num_ends = 0;
  for (double const x : draw_betas(0.001, 1000)) {
    ASSERT_TRUE(x >= 0.0 && x <= 1.0);
    num_ends += x < 0.01 || x > 0.99 ? 1 : 0;
  }
  EXPECT_GT(num_ends, 950);
}

TEST(DrawMix, IsKeyedByStepAndMicroBatch) {
  MixConfig const config{.mixup_alpha = 0.8};
  auto const share = [&](std::uint64_t seed, std::int64_t step,
                         std::int64_t index) {
    return draw_mix(config, {8, 8}, seed, step, index).own_share;
  };
  EXPECT_EQ(share(1, 2, 3), share(1, 2, 3));
  EXPECT_NE(share(1, 2, 3), share(2, 2, 3));
  EXPECT_NE(share(1, 2, 3), share(1, 3, 2));
  EXPECT_NE(share(1, 2, 3), share(1, 2, 4));
}

TEST(DrawMix, ProbabilitiesAreAsConfigured) {
  MixConfig const config{.mixup_alpha = 0.8,
                         .cutmix_alpha = 1.0,
                         .probability = 0.6,
                         .switch_probability = 0.25};
  int num_mixed = 0;
  int num_cutmix = 0;
  constexpr int kNum = 10000;
  for (int i = 0; i < kNum; ++i) {
    auto const draw = draw_mix(config, {1000, 1000}, 1, i, 0);
    num_mixed += draw.own_share < 1.0 ? 1 : 0;
    num_cutmix += draw.is_cutmix ? 1 : 0;
  }
  EXPECT_NEAR(num_mixed, 6000, 5 * 49);
  EXPECT_NEAR(num_cutmix, 1500, 5 * 36);
}

TEST(DrawMix, OneAlphaAloneDecides) {
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(draw_mix({.cutmix_alpha = 1.0, .switch_probability = 0.0},
                         {8, 8}, 1, i, 0)
                    .is_cutmix);
    EXPECT_FALSE(draw_mix({.mixup_alpha = 1.0, .switch_probability = 1.0},
                          {8, 8}, 1, i, 0)
                     .is_cutmix);
  }
  EXPECT_EQ(draw_mix({}, {8, 8}, 1, 1, 0).own_share, 1.0);
  EXPECT_EQ(draw_mix({.mixup_alpha = 1.0, .probability = 0.0}, {8, 8}, 1, 1, 0)
                .own_share,
            1.0);
}

TEST(DrawMix, TheShareOfCutmixIsThatOfItsPixels) {
  FrameSize const size{20, 12};
  int num_cut_off = 0;
  for (int i = 0; i < 2000; ++i) {
    auto const draw = draw_mix({.cutmix_alpha = 1.0}, size, 4, i, 1);
    ASSERT_TRUE(0 <= draw.x_begin_px && draw.x_begin_px <= draw.x_end_px &&
                draw.x_end_px <= size.width_px);
    ASSERT_TRUE(0 <= draw.y_begin_px && draw.y_begin_px <= draw.y_end_px &&
                draw.y_end_px <= size.height_px);
    int const inside =
        (draw.x_end_px - draw.x_begin_px) * (draw.y_end_px - draw.y_begin_px);
    EXPECT_DOUBLE_EQ(draw.own_share, 1.0 - inside / 240.0);
    num_cut_off += draw.x_begin_px == 0 && inside > 0 ? 1 : 0;
  }
  EXPECT_GT(num_cut_off, 100);
}

TEST(MixClips, MixupWeighsBothAndLeavesTheMiddle) {
  // Three clips of one frame of one pixel.
  Bytes clips{0, 100, 255, 7, 8, 9, 200, 50, 255};
  MixDraw draw;
  draw.own_share = 0.75;
  mix_clips(draw, {1, 1}, 3, clips);
  // 50, 87.5, 255 and 150, 62.5, 255; halves are rounded up.
  EXPECT_EQ(clips, (Bytes{50, 88, 255, 7, 8, 9, 150, 63, 255}));
}

TEST(MixClips, CutmixSwapsTheBoxOfEveryFrameAndColour) {
  // Two clips of two frames of 3 x 2.
  FrameSize const size{3, 2};
  Bytes clips(72, 1);
  std::fill(clips.begin() + 36, clips.end(), std::uint8_t{2});
  MixDraw draw{.own_share = 1.0 - 2.0 / 6.0,
               .is_cutmix = true,
               .x_begin_px = 1,
               .x_end_px = 3,
               .y_begin_px = 1,
               .y_end_px = 2};
  mix_clips(draw, size, 2, clips);
  for (std::size_t plane = 0; plane < 12; ++plane) {
    std::uint8_t const own = plane < 6 ? 1 : 2;
    std::uint8_t const other = plane < 6 ? 2 : 1;
    Bytes const found(
        clips.begin() + static_cast<std::ptrdiff_t>(6 * plane),
        clips.begin() + static_cast<std::ptrdiff_t>(6 * plane + 6));
    EXPECT_EQ(found, (Bytes{own, own, own, own, other, other}));
  }
}

TEST(DrawErase, AreaAndRatioAreAsConfigured) {
  EraseConfig const config{
      .probability = 0.5, .area_min = 0.1, .area_max = 0.3, .ratio_min = 0.5};
  FrameSize const size{1000, 1000};
  Rng rng{3};
  constexpr int kNum = 20000;
  int num = 0;
  double area = 0.0;
  double log_ratio_squared = 0.0;
  for (int i = 0; i < kNum; ++i) {
    auto const box = draw_erase(config, size, rng);
    if (!box) continue;
    ++num;
    ASSERT_TRUE(box->x_px >= 0 && box->y_px >= 0 && box->width_px > 0 &&
                box->x_px + box->width_px <= 1000 &&
                box->y_px + box->height_px <= 1000);
    area += 1e-6 * box->width_px * box->height_px;
    log_ratio_squared += std::pow(
        std::log(static_cast<double>(box->height_px) / box->width_px), 2);
  }
  EXPECT_NEAR(num, kNum / 2, 5 * 71);
  // Uniform: mean 0.2, standard error 0.2 / sqrt(12 n).
  EXPECT_NEAR(area / num, 0.2, 5 * 0.2 / std::sqrt(12.0 * num));
  // Log-uniform of width w = 2 log 2 has variance w^2 / 12.
  EXPECT_NEAR(log_ratio_squared / num,
              std::pow(2.0 * std::numbers::ln2, 2) / 12.0, 0.006);
}

TEST(DrawErase, NoBoxIsLargerThanTheFrame) {
  EraseConfig const config{
      .probability = 1.0, .area_min = 1.0, .area_max = 1.0, .ratio_min = 1.0};
  Rng rng{4};
  EXPECT_FALSE(draw_erase(config, {50, 50}, rng));
}

TEST(EraseBox, FillsTheSameBoxOfAllFramesWithNoise) {
  FrameSize const size{200, 100};
  std::size_t const plane = 20000;
  Bytes clip(2 * 3 * plane, 77);
  EraseBox const box{
      .x_px = 10, .y_px = 20, .width_px = 150, .height_px = 70, .noise_key = 9};
  erase_box(box, size, clip);
  for (std::size_t p = 0; p < 6; ++p) {
    double sum = 0.0;
    int num_kept = 0;
    for (int y = 0; y < 100; ++y)
      for (int x = 0; x < 200; ++x) {
        auto const level =
            clip[p * plane + static_cast<std::size_t>(200 * y + x)];
        bool const is_inside = x >= 10 && x < 160 && y >= 20 && y < 90;
        if (is_inside)
          sum += level;
        else
          num_kept += level == 77 ? 1 : 0;
      }
    EXPECT_EQ(num_kept, 20000 - 10500);
    // Cutting at 0 and 255 moves the means by less than a level.
    double const mean = p % 3 == 0 ? 0.485 : p % 3 == 1 ? 0.456 : 0.406;
    EXPECT_NEAR(sum / 10500, 255.0 * mean, 3.0) << p;
  }
  Bytes again(clip.size(), 77);
  erase_box(box, size, again);
  EXPECT_EQ(again, clip);
  bool const frames_differ =
      !std::equal(clip.begin(), clip.begin() + 60000, clip.begin() + 60000);
  EXPECT_TRUE(frames_differ);
}

// Share of levels at most b: Phi(((b + 1/2) / 255 - 0.485) / 0.229).
TEST(EraseBox, TheNoiseIsNormalAfterNormalisation) {
  FrameSize const size{400, 400};
  Bytes clip(3 * 160000);
  erase_box({.width_px = 400, .height_px = 400, .noise_key = 2}, size, clip);
  for (int const limit : {0, 60, 124, 190, 254}) {
    auto const num = std::count_if(clip.begin(), clip.begin() + 160000,
                                   [&](int level) { return level <= limit; });
    double const z = ((limit + 0.5) / 255.0 - 0.485) / 0.229;
    double const share = 0.5 * std::erfc(-z / std::numbers::sqrt2);
    EXPECT_NEAR(static_cast<double>(num) / 160000.0, share,
                5.0 * std::sqrt(share * (1.0 - share) / 160000.0))
        << limit;
  }
}

}  // namespace
}  // namespace gasm
