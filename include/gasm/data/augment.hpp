// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "gasm/base/rng.hpp"
#include "gasm/config/augment_config.hpp"
#include "gasm/data/erase.hpp"
#include "gasm/data/image_ops.hpp"
#include "gasm/data/rand_augment.hpp"
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
///   multi_scale     TSM's GroupMultiScaleCrop, with sides in source pixels
///   short_side      SlowFast's jitter of the short side, then a random crop
/// Flips: half of the clips are mirrored, under swap those of every class
/// that has a mirrored one, under exclude those of classes that are their own.

/// Throws a usage error that names the value out of range.
void check_augment(AugmentConfig const& config);

/// What evaluation keeps of it: nothing random, every crop but none becomes
/// center.
AugmentConfig without_randomness(AugmentConfig const& config);

/// Everything that was drawn for one clip.
struct ClipTransform {
  CropBox crop;        ///< the one resample: this box to the output size
  int shift_x_px = 0;  ///< > 0 moves the picture right
  int shift_y_px = 0;  ///< > 0 moves the picture down
  bool mirror = false;
  float brightness = 1.0F;
  float contrast = 1.0F;
  float saturation = 1.0F;
  std::vector<ImageOp> ops;                              ///< of RandAugment
  Interpolation interpolation = Interpolation::bicubic;  ///< of those
  std::optional<EraseBox> erased;

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

/// A width and a height, each one of crop_scales times center_box's and at most
/// one place apart in that list, so that the aspect changes little; a side
/// within 2 px of the output's is the output's. At one of thirteen places: the
/// corners, the middles of the sides, the centre, and between that and the
/// corners.
CropBox draw_multi_scale(AugmentConfig const& config, FrameSize source,
                         FrameSize output, Rng& rng);

/// The part of the source that an output-sized window covers once the frame's
/// shorter side is s px, 1 / s uniform between those of short_side_max_px and
/// short_side_min_px; at a uniform place.
CropBox draw_short_side(AugmentConfig const& config, FrameSize source,
                        FrameSize output, Rng& rng);

/// One of the windows of a test. 1: center_box. 3: boxes of that size at the
/// start, the middle and the end of the direction in which there is room: left,
/// centre, right of a landscape frame, top, centre, bottom of a portrait one.
struct TestCrop {
  int index = 0;
  int num_crops = 1;
};
CropBox test_box(FrameSize source, FrameSize output, TestCrop crop);

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

/// All of it: RandAugment on `frames` (which it changes), transform_clip, and
/// the erased box last.
void augment_clip(ClipTransform const& transform, FrameSize size,
                  std::span<std::uint8_t> frames, std::span<std::uint8_t> out);

}  // namespace gasm
