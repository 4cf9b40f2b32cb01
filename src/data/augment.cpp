// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/augment.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

constexpr int kNumCropTries = 10;

void require(bool fine, char const* key, double value, char const* range) {
  if (!fine)
    throw usage_error("augment.{} is {} (it must be {})", key, value, range);
}

int round_px(double length) { return static_cast<int>(std::lround(length)); }

int to_px(double length, int most) {
  return std::clamp(round_px(length), 1, most);
}

CropBox centred(FrameSize source, int width, int height) {
  return {(source.width_px - width) / 2, (source.height_px - height) / 2, width,
          height};
}

// The largest centred box with an aspect ratio within [low, high].
CropBox centred_within(FrameSize source, double low, double high) {
  auto const width = static_cast<double>(source.width_px);
  auto const height = static_cast<double>(source.height_px);
  double const ratio = width / height;
  if (ratio < low)
    return centred(source, source.width_px,
                   to_px(width / low, source.height_px));
  if (ratio > high)
    return centred(source, to_px(height * high, source.width_px),
                   source.height_px);
  return centred(source, source.width_px, source.height_px);
}

float draw_factor(double jitter, Rng& rng) {
  return static_cast<float>(
      rng.uniform(std::max(0.0, 1.0 - jitter), 1.0 + jitter));
}

int draw_shift(int most_px, Rng& rng) {
  return static_cast<int>(rng.between(-most_px, most_px));
}

bool is_own_mirror_image(FlipMap const& flip_map, std::int64_t label) {
  return flip_map[static_cast<std::size_t>(label)] == label;
}

}  // namespace

void check_augment(AugmentConfig const& c) {
  require(0.0 < c.scale_min && c.scale_min <= 1.0, "scale_min", c.scale_min,
          "in (0, 1]");
  require(c.scale_min <= c.scale_max && c.scale_max <= 1.0, "scale_max",
          c.scale_max, "from scale_min to 1");
  require(c.ratio_min > 0.0, "ratio_min", c.ratio_min, "above 0");
  require(c.ratio_min <= c.ratio_max && std::isfinite(c.ratio_max), "ratio_max",
          c.ratio_max, "at least ratio_min");
  require(c.shift_px >= 0, "shift_px", static_cast<double>(c.shift_px),
          "at least 0");
  require(c.jitter >= 0.0 && c.jitter <= 1.0, "jitter", c.jitter, "in [0, 1]");
  for (double const scale : c.crop_scales)
    require(0.0 < scale && scale <= 1.0, "crop_scales", scale, "in (0, 1]");
  require(!c.crop_scales.empty(), "crop_scales", 0, "a list of at least one");
  require(c.short_side_min_px >= 1, "short_side_min_px", c.short_side_min_px,
          "at least 1");
  require(c.short_side_max_px >= c.short_side_min_px, "short_side_max_px",
          c.short_side_max_px, "at least short_side_min_px");
}

AugmentConfig without_randomness(AugmentConfig const& config) {
  AugmentConfig fixed = config;
  if (fixed.crop != CropKind::none) fixed.crop = CropKind::center;
  fixed.flip = FlipKind::none;
  fixed.jitter = 0.0;
  fixed.rand_augment.n = 0;
  fixed.erase.probability = 0.0;
  fixed.mix = {};
  return fixed;
}

bool may_mirror(FlipKind flip, FlipMap const& flip_map, std::int64_t label) {
  if (flip == FlipKind::none || label < 0) return false;
  GASM_ASSERT(static_cast<std::size_t>(label) < flip_map.size());
  if (flip == FlipKind::exclude) return is_own_mirror_image(flip_map, label);
  return flip_map[static_cast<std::size_t>(label)] >= 0;
}

CropBox draw_random_resized(AugmentConfig const& config, FrameSize source,
                            Rng& rng) {
  double const area = static_cast<double>(source.width_px) *
                      static_cast<double>(source.height_px);
  for (int attempt = 0; attempt < kNumCropTries; ++attempt) {
    double const wanted =
        area * rng.uniform(config.scale_min, config.scale_max);
    double const ratio = std::exp(
        rng.uniform(std::log(config.ratio_min), std::log(config.ratio_max)));
    auto const width = round_px(std::sqrt(wanted * ratio));
    auto const height = round_px(std::sqrt(wanted / ratio));
    if (width < 1 || width > source.width_px || height < 1 ||
        height > source.height_px)
      continue;
    auto const y = rng.between(0, source.height_px - height);
    auto const x = rng.between(0, source.width_px - width);
    return {static_cast<int>(x), static_cast<int>(y), width, height};
  }
  return centred_within(source, config.ratio_min, config.ratio_max);
}

CropBox center_box(FrameSize source, FrameSize output) {
  double const ratio = static_cast<double>(output.width_px) /
                       static_cast<double>(output.height_px);
  return centred_within(source, ratio, ratio);
}

CropBox draw_multi_scale(AugmentConfig const& config, FrameSize source,
                         FrameSize output, Rng& rng) {
  auto const base = center_box(source, output);
  auto const& scales = config.crop_scales;
  auto const num = static_cast<std::int64_t>(scales.size());
  // Every pair of neighbours is equally likely.
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
  for (std::int64_t i = 0; i < num; ++i)
    for (std::int64_t j = std::max<std::int64_t>(0, i - 1);
         j < std::min(num, i + 2); ++j)
      pairs.emplace_back(i, j);
  auto const [row, column] = pairs[static_cast<std::size_t>(
      rng.below(static_cast<std::int64_t>(pairs.size())))];
  auto const side = [&](std::int64_t which, int whole, int wanted) {
    int const length = std::max(
        1, static_cast<int>(whole * scales[static_cast<std::size_t>(which)]));
    bool const is_near = std::abs(length - wanted) < 3 && wanted <= whole;
    return is_near ? wanted : length;
  };
  int const height = side(row, base.height_px, output.height_px);
  int const width = side(column, base.width_px, output.width_px);
  // Quarters of the room to the left and above.
  constexpr std::array<std::pair<int, int>, 13> places = {{{0, 0},
                                                           {4, 0},
                                                           {0, 4},
                                                           {4, 4},
                                                           {2, 2},
                                                           {0, 2},
                                                           {4, 2},
                                                           {2, 4},
                                                           {2, 0},
                                                           {1, 1},
                                                           {3, 1},
                                                           {1, 3},
                                                           {3, 3}}};
  auto const [x, y] = places[static_cast<std::size_t>(
      rng.below(static_cast<std::int64_t>(places.size())))];
  return {x * ((source.width_px - width) / 4),
          y * ((source.height_px - height) / 4), width, height};
}

CropBox draw_short_side(AugmentConfig const& config, FrameSize source,
                        FrameSize output, Rng& rng) {
  int const side = round_px(1.0 / rng.uniform(1.0 / config.short_side_max_px,
                                              1.0 / config.short_side_min_px));
  double const scale =
      static_cast<double>(std::min(source.width_px, source.height_px)) / side;
  int const width = to_px(output.width_px * scale, source.width_px);
  int const height = to_px(output.height_px * scale, source.height_px);
  auto const y = rng.between(0, source.height_px - height);
  auto const x = rng.between(0, source.width_px - width);
  return {static_cast<int>(x), static_cast<int>(y), width, height};
}

CropBox test_box(FrameSize source, FrameSize output, TestCrop crop) {
  auto box = center_box(source, output);
  if (crop.num_crops == 1) return box;
  GASM_ASSERT(0 <= crop.index && crop.index < crop.num_crops);
  // One of the two has no room, up to a pixel of rounding.
  int const room_x = source.width_px - box.width_px;
  int const room_y = source.height_px - box.height_px;
  if (room_x >= room_y)
    box.x_px = crop.index * room_x / (crop.num_crops - 1);
  else
    box.y_px = crop.index * room_y / (crop.num_crops - 1);
  return box;
}

ClipTransform draw_transform(AugmentConfig const& config, FrameSize source,
                             FrameSize output, bool mirror_allowed, Rng& rng) {
  ClipTransform transform;
  transform.crop = {0, 0, source.width_px, source.height_px};
  if (config.crop == CropKind::center) {
    transform.crop = center_box(source, output);
  } else if (config.crop == CropKind::random_resized) {
    transform.crop = draw_random_resized(config, source, rng);
  } else if (config.crop == CropKind::shift) {
    transform.crop = center_box(source, output);
    transform.shift_x_px = draw_shift(config.shift_px, rng);
    transform.shift_y_px = draw_shift(config.shift_px, rng);
  } else if (config.crop == CropKind::multi_scale) {
    transform.crop = draw_multi_scale(config, source, output, rng);
  } else if (config.crop == CropKind::short_side) {
    transform.crop = draw_short_side(config, source, output, rng);
  }
  if (config.flip != FlipKind::none)
    transform.mirror = rng.chance(0.5) && mirror_allowed;
  if (config.jitter > 0.0) {
    transform.brightness = draw_factor(config.jitter, rng);
    transform.contrast = draw_factor(config.jitter, rng);
    transform.saturation = draw_factor(config.jitter, rng);
  }
  transform.interpolation = config.rand_augment.interpolation;
  if (config.rand_augment.n > 0)
    transform.ops = draw_rand_augment(config.rand_augment, rng);
  if (config.erase.probability > 0.0)
    transform.erased = draw_erase(config.erase, output, rng);
  return transform;
}

void augment_clip(ClipTransform const& transform, FrameSize size,
                  std::span<std::uint8_t> frames, std::span<std::uint8_t> out) {
  apply_ops(transform.ops, transform.interpolation, size, frames);
  transform_clip(transform, size, frames, out);
  if (transform.erased) erase_box(*transform.erased, size, out);
}

}  // namespace gasm
