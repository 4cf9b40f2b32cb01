// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gasm/base/rng.hpp"

namespace gasm {

/// Augmentation is drawn once a clip and applied to all of its frames, so
/// that it never looks like motion. Shapes: T frames, H rows, W columns.

enum class CropKind {
  none,            ///< the whole frame, resized to the output (aspect changes)
  center,          ///< the largest centred box of the output's aspect ratio
  random_resized,  ///< torchvision's RandomResizedCrop
  shift,           ///< as none, then moved by up to shift_px either way
};

/// What a shift uncovers.
enum class PadKind { edge, zero };

enum class FlipPolicy {
  none,
  swap,     ///< mirror half of the clips; the label becomes its partner's
  exclude,  ///< mirror half of the clips whose class is its own mirror image
};

struct AugmentOptions {
  CropKind crop = CropKind::none;
  double scale_min = 0.08;  ///< random_resized: box area / frame area
  double scale_max = 1.0;
  double ratio_min = 3.0 / 4.0;  ///< random_resized: box width / height
  double ratio_max = 4.0 / 3.0;
  std::int64_t shift_px = 4;  ///< shift: most output pixels along each axis
  PadKind pad = PadKind::edge;
  FlipPolicy flip = FlipPolicy::none;
  /// Brightness, contrast and saturation are each scaled by a factor from
  /// [1 - jitter, 1 + jitter], cut at 0.
  double jitter = 0.0;
};

/// Throws a usage error that names the value out of range.
void check_augment(AugmentOptions const& options);

/// What evaluation keeps of it: nothing random, random_resized becomes
/// center and shift none.
AugmentOptions without_randomness(AugmentOptions const& options);

struct FrameSize {
  std::int64_t width = 0;
  std::int64_t height = 0;
};

/// A box in pixels of the source frame, within the frame.
struct CropBox {
  std::int64_t x = 0;
  std::int64_t y = 0;
  std::int64_t width = 0;
  std::int64_t height = 0;
  bool operator==(CropBox const&) const = default;
};

/// Everything that was drawn for one clip.
struct ClipTransform {
  CropBox crop;              ///< the one resample: this box to the output size
  std::int64_t shift_x = 0;  ///< output px; > 0 moves the picture right
  std::int64_t shift_y = 0;  ///< output px; > 0 moves the picture down
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

/// Whether a clip of this class may be mirrored under `policy`.
bool may_mirror(FlipPolicy policy, FlipMap const& flip_map, std::int64_t label);

/// The box of RandomResizedCrop: up to ten tries of an area and a
/// (log-uniform) aspect ratio, then a central box.
CropBox draw_random_resized(AugmentOptions const& options, FrameSize source,
                            Rng& rng);

/// The largest centred box of `output`'s aspect ratio.
CropBox center_box(FrameSize source, FrameSize output);

ClipTransform draw_transform(AugmentOptions const& options, FrameSize source,
                             FrameSize output, bool mirror_allowed, Rng& rng);

/// From decoded pixels u8 [T, H, W, 3] (RGB) to the model's u8 [T, 3, H, W]:
/// shift, mirror, then brightness x * b, contrast c * x + (1 - c) * mean and
/// saturation s * x + (1 - s) * grey, each clamped to [0, 255] in float32,
/// rounded once at the end. grey is ITU-R BT.601 luma and mean that of the
/// whole clip, so no frame's colours move against another's. The crop has
/// been applied by the decoder. Sizes must agree (asserted).
void transform_clip(ClipTransform const& transform, PadKind pad, FrameSize size,
                    std::span<std::uint8_t const> frames,
                    std::span<std::uint8_t> out);

}  // namespace gasm
