// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/rand_augment.hpp"

#include <algorithm>

namespace gasm {
namespace {

constexpr double kMaxMagnitude = 10.0;
constexpr double kProbability = 0.5;
constexpr double kMaxDegrees = 30.0;
constexpr double kMaxSlope = 0.3;
constexpr double kMaxShift = 0.45;

double factor_of(double level, bool increasing, bool is_negative) {
  if (!increasing) return level * 1.8 + 0.1;
  double const change = level * 0.9;
  return std::max(0.1, 1.0 + (is_negative ? -change : change));
}

void apply(ImageOp const& op, Interpolation interpolation, FrameSize size,
           std::span<std::uint8_t> frames) {
  auto const affine = [&](AffineMap const& map) {
    transform_affine(frames, size, map, interpolation);
  };
  auto const whole = static_cast<int>(op.value);
  auto const factor = static_cast<float>(op.value);
  switch (op.kind) {
    case ImageOpKind::autocontrast:
      return autocontrast(frames, size);
    case ImageOpKind::equalize:
      return equalize(frames, size);
    case ImageOpKind::invert:
      return invert(frames);
    case ImageOpKind::rotate:
      return affine(rotation_map(size, op.value));
    case ImageOpKind::posterize:
      return posterize(frames, whole);
    case ImageOpKind::solarize:
      return solarize(frames, whole);
    case ImageOpKind::solarize_add:
      return solarize_add(frames, whole);
    case ImageOpKind::colour:
      return adjust_colour(frames, factor);
    case ImageOpKind::contrast:
      return adjust_contrast(frames, size, factor);
    case ImageOpKind::brightness:
      return adjust_brightness(frames, factor);
    case ImageOpKind::sharpness:
      return adjust_sharpness(frames, size, factor);
    case ImageOpKind::shear_x:
      return affine({.b = op.value});
    case ImageOpKind::shear_y:
      return affine({.d = op.value});
    case ImageOpKind::translate_x:
      return affine({.c = op.value * size.width_px});
    case ImageOpKind::translate_y:
      return affine({.f = op.value * size.height_px});
  }
}

}  // namespace

double op_value(ImageOpKind kind, double magnitude, bool increasing,
                bool is_negative) {
  double const level = magnitude / kMaxMagnitude;
  double const sign = is_negative ? -1.0 : 1.0;
  // Whole numbers are cut before they are subtracted, as timm does.
  auto const cut = [level](double most) {
    return static_cast<double>(static_cast<int>(level * most));
  };
  switch (kind) {
    case ImageOpKind::autocontrast:
    case ImageOpKind::equalize:
    case ImageOpKind::invert:
      return 0.0;
    case ImageOpKind::rotate:
      return sign * level * kMaxDegrees;
    case ImageOpKind::posterize:
      return increasing ? 4.0 - cut(4.0) : cut(4.0);
    case ImageOpKind::solarize:
      return increasing ? 256.0 - cut(256.0) : cut(256.0);
    case ImageOpKind::solarize_add:
      return std::min(128.0, cut(110.0));
    case ImageOpKind::colour:
    case ImageOpKind::contrast:
    case ImageOpKind::brightness:
    case ImageOpKind::sharpness:
      return factor_of(level, increasing, is_negative);
    case ImageOpKind::shear_x:
    case ImageOpKind::shear_y:
      return sign * level * kMaxSlope;
    case ImageOpKind::translate_x:
    case ImageOpKind::translate_y:
      return sign * level * kMaxShift;
  }
  return 0.0;
}

std::vector<ImageOp> draw_rand_augment(RandAugmentConfig const& config,
                                       Rng& rng) {
  std::vector<ImageOp> ops;
  for (int i = 0; i < config.n; ++i) {
    auto const kind = static_cast<ImageOpKind>(rng.below(kNumImageOps));
    bool const is_done = rng.chance(kProbability);
    double const magnitude =
        std::clamp(config.m + config.mstd * rng.normal(), 0.0, kMaxMagnitude);
    bool const is_negative = rng.chance(0.5);
    if (is_done)
      ops.push_back(
          {kind, op_value(kind, magnitude, config.increasing, is_negative)});
  }
  return ops;
}

void apply_ops(std::span<ImageOp const> ops, Interpolation interpolation,
               FrameSize size, std::span<std::uint8_t> frames) {
  for (auto const& op : ops) apply(op, interpolation, size, frames);
}

}  // namespace gasm
