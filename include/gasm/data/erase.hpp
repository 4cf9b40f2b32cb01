// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "gasm/base/rng.hpp"
#include "gasm/config/augment_config.hpp"
#include "gasm/data/image_ops.hpp"

namespace gasm {

/// A box of a clip's frames that noise takes the place of.
struct EraseBox {
  int x_px = 0;
  int y_px = 0;
  int width_px = 0;
  int height_px = 0;
  std::uint64_t noise_key = 0;
};

/// With the configured probability the box of timm's and SlowFast's
/// RandomErasing: a uniform share of the area, a log-uniform height / width,
/// drawn again (100 times at most) until it is smaller than the frame in both
/// directions, at a uniform place.
std::optional<EraseBox> draw_erase(EraseConfig const& config, FrameSize size,
                                   Rng& rng);

/// Fills the box of every frame of u8 [T, 3, H, W] with a noise of its own for
/// each pixel and colour: N(0, 1) after normalisation ("pixel" mode), that is
/// 255 (mean + std N(0, 1)) with the statistics of ImageNet, rounded to the
/// nearest level and cut off at 0 and 255. The same box in all frames.
void erase_box(EraseBox const& box, FrameSize size,
               std::span<std::uint8_t> clip);

}  // namespace gasm
