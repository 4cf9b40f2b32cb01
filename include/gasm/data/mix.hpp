// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "gasm/base/rng.hpp"
#include "gasm/config/augment_config.hpp"
#include "gasm/data/image_ops.hpp"

namespace gasm {

/// Mixup and CutMix of a micro-batch of B clips, as timm's Mixup in batch mode:
/// clip b meets clip B - 1 - b, all of them with the same share. The middle one
/// of an odd number meets itself, and stays.

/// What was drawn for one micro-batch.
struct MixDraw {
  /// Of a clip and its label, the rest being its partner's; 1: nothing is
  /// mixed. A multiple of 1 / 65536 for mixup; for CutMix the share of the area
  /// outside of the box.
  double own_share = 1.0;
  bool is_cutmix = false;
  /// CutMix: the box, [x_begin, x_end) by [y_begin, y_end), that comes from the
  /// partner.
  int x_begin_px = 0;
  int x_end_px = 0;
  int y_begin_px = 0;
  int y_end_px = 0;
};

/// From the Beta(alpha, alpha) distribution. alpha > 0.
double draw_beta(double alpha, Rng& rng);

/// Keyed by (seed, step, index of the micro-batch within its step): the same on
/// whichever rank.
MixDraw draw_mix(MixConfig const& config, FrameSize size, std::uint64_t seed,
                 std::int64_t step, std::int64_t micro_batch);

/// Mixes u8 [B, T, 3, H, W] in place: share * level + (1 - share) * partner's,
/// rounded once, or the box of the partner's pixels in all frames.
void mix_clips(MixDraw const& draw, FrameSize size, std::int64_t num_clips,
               std::span<std::uint8_t> clips);

}  // namespace gasm
