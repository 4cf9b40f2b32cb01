// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gasm/base/rng.hpp"
#include "gasm/config/augment_config.hpp"
#include "gasm/data/image_ops.hpp"

namespace gasm {

/// The fifteen operations of timm's RandAugment, in its order.
enum class ImageOpKind {
  autocontrast,
  equalize,
  invert,
  rotate,
  posterize,
  solarize,
  solarize_add,
  colour,
  contrast,
  brightness,
  sharpness,
  shear_x,
  shear_y,
  translate_x,
  translate_y
};
constexpr int kNumImageOps = 15;

struct ImageOp {
  ImageOpKind kind = ImageOpKind::autocontrast;
  /// What the operation takes: degrees, bits, a threshold, a factor, a slope, a
  /// share of the width or height. Unused by the first three.
  double value = 0.0;
};

/// The value that a magnitude of 0 to 10 stands for. `is_negative` turns the
/// sign of those that have one. increasing: posterize keeps 4 - 4 m / 10 bits,
/// solarize begins at 256 - 256 m / 10, and factors are 1 +- 0.9 m / 10 (0.1 at
/// least); else 4 m / 10, 256 m / 10 and 0.1 + 1.8 m / 10.
double op_value(ImageOpKind kind, double magnitude, bool increasing,
                bool is_negative);

/// config.n operations, drawn with repetition; each is then left out with
/// probability 1/2, its magnitude is normal around m and half of the signs are
/// turned. Drawn once a clip: all frames get the same.
std::vector<ImageOp> draw_rand_augment(RandAugmentConfig const& config,
                                       Rng& rng);

/// One after the other on u8 [T, H, W, 3]. Statistics (autocontrast, equalize,
/// contrast) are those of each frame, as in the public video pipelines, which
/// do all this before they crop; here the crop has been made.
void apply_ops(std::span<ImageOp const> ops, Interpolation interpolation,
               FrameSize size, std::span<std::uint8_t> frames);

}  // namespace gasm
