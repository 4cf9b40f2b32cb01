// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "gasm/config/augment_config.hpp"

namespace gasm {

struct FrameSize {
  int width_px = 0;
  int height_px = 0;
};

/// Changes of pictures, in place, as Pillow does them (ImageOps, ImageEnhance,
/// Image.transform), to the last bit unless said otherwise.
///
/// `frames` is u8 [T, H, W, 3], red first; every frame is a picture of its own,
/// so that statistics are those of one frame. T H W > 0 (asserted).

/// Keeps the `num_bits` highest bits of each level; 8 and more keep all.
void posterize(std::span<std::uint8_t> frames, int num_bits);
/// Levels of `threshold` (0 to 256) and above become 255 - level.
void solarize(std::span<std::uint8_t> frames, int threshold);
/// Levels below 128 grow by `added`, to 255 at most (timm's SolarizeAdd).
void solarize_add(std::span<std::uint8_t> frames, int added);
void invert(std::span<std::uint8_t> frames);

/// Stretches each channel to 0 .. 255.
void autocontrast(std::span<std::uint8_t> frames, FrameSize size);
/// Flattens the histogram of each channel.
void equalize(std::span<std::uint8_t> frames, FrameSize size);

/// Enhancements: factor 1 changes nothing, 0 gives grey, the frame's mean grey,
/// black, a smoothed frame (3 x 3, borders kept).
void adjust_colour(std::span<std::uint8_t> frames, float factor);
void adjust_contrast(std::span<std::uint8_t> frames, FrameSize size,
                     float factor);
void adjust_brightness(std::span<std::uint8_t> frames, float factor);
void adjust_sharpness(std::span<std::uint8_t> frames, FrameSize size,
                      float factor);

/// Output pixel (x, y) is what lies at source place
/// (a x' + b y' + c, d x' + e y' + f) with x' = x + 1/2, y' = y + 1/2; level
/// 128 outside of the frame, the edge repeated within half a pixel of it.
/// bicubic is the kernel with a = -1. Weights are float32, Pillow's are
/// double: levels differ by at most 1.
struct AffineMap {
  double a = 1, b = 0, c = 0, d = 0, e = 1, f = 0;
};
void transform_affine(std::span<std::uint8_t> frames, FrameSize size,
                      AffineMap const& map, Interpolation interpolation);

/// Pillow's Image.rotate: counter-clockwise about the centre.
AffineMap rotation_map(FrameSize size, double degrees);

}  // namespace gasm
