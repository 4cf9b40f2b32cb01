// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gasm/base/rng.hpp"
#include "gasm/config/data_config.hpp"
#include "gasm/video/resample.hpp"

namespace gasm {

/// Augmentation is drawn once a clip and applied to all of its frames, so
/// that it never looks like motion. Shapes: T frames, H rows, W columns.

/// Crops (config/data_config.hpp), each giving the decoder one box, so that
/// source pixels are resampled once:
///   none            the whole frame, resized (the aspect ratio may change)
///   center          the largest centred box of the output's aspect ratio
///   random_resized  torchvision's RandomResizedCrop
///   shift           as center, then the output is moved by up to shift_px
///                   either way along each axis, edge pixels repeated
/// Flips: half of the clips are mirrored, under swap those of every class
/// that has a mirrored one, under exclude those of classes that are their own.

/// Throws a usage error that names the value out of range.
void check_augment(AugmentConfig const& config);

/// What evaluation keeps of it: nothing random, random_resized and
/// shift become center.
AugmentConfig without_randomness(AugmentConfig const& config);

struct FrameSize {
  int width_px = 0;
  int height_px = 0;
};

/// Everything that was drawn for one clip.
struct ClipTransform {
  CropBox crop;        ///< the one resample: this box to the output size
  int shift_x_px = 0;  ///< > 0 moves the picture right
  int shift_y_px = 0;  ///< > 0 moves the picture down
  bool mirror = false;
  float brightness = 1.0F;
  float contrast = 1.0F;
  float saturation = 1.0F;

  bool changes_colour() const {
    return brightness != 1.0F || contrast != 1.0F || saturation != 1.0F;
  }
};

/// The class of a mirrored clip: flip_map[label]; `label` itself for a class
/// that is its own mirror image, -1 for one without a partner.
using FlipMap = std::vector<std::int64_t>;

/// Whether a clip of this class may be mirrored under `flip`; never if the
/// class is not known (-1).
bool may_mirror(FlipKind flip, FlipMap const& flip_map, std::int64_t label);

/// The box of RandomResizedCrop: up to ten tries of an area and a
/// (log-uniform) aspect ratio, then a central box.
CropBox draw_random_resized(AugmentConfig const& config, FrameSize source,
                            Rng& rng);

/// The largest centred box of `output`'s aspect ratio.
CropBox center_box(FrameSize source, FrameSize output);

ClipTransform draw_transform(AugmentConfig const& config, FrameSize source,
                             FrameSize output, bool mirror_allowed, Rng& rng);

/// From decoded pixels u8 [T, H, W, 3] (RGB) to the model's u8 [T, 3, H, W]:
/// shift, mirror, then brightness x * b, contrast c * x + (1 - c) * mean and
/// saturation s * x + (1 - s) * grey, each clamped to [0, 255] in float32,
/// rounded once at the end. grey is ITU-R BT.601 luma and mean that of the
/// whole clip, so no frame's colours move against another's. The crop has
/// been applied by the decoder. Sizes must agree (asserted).
void transform_clip(ClipTransform const& transform, FrameSize size,
                    std::span<std::uint8_t const> frames,
                    std::span<std::uint8_t> out);

}  // namespace gasm
