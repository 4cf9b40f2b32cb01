// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/augment.hpp"

#include <algorithm>
#include <cmath>

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
}

AugmentConfig without_randomness(AugmentConfig const& config) {
  AugmentConfig fixed = config;
  if (fixed.crop == CropKind::random_resized) fixed.crop = CropKind::center;
  if (fixed.crop == CropKind::shift) fixed.crop = CropKind::center;
  fixed.flip = FlipKind::none;
  fixed.jitter = 0.0;
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
  }
  if (config.flip != FlipKind::none)
    transform.mirror = rng.chance(0.5) && mirror_allowed;
  if (config.jitter > 0.0) {
    transform.brightness = draw_factor(config.jitter, rng);
    transform.contrast = draw_factor(config.jitter, rng);
    transform.saturation = draw_factor(config.jitter, rng);
  }
  return transform;
}

}  // namespace gasm
