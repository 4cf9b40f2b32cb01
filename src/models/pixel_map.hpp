// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <array>

#include "gasm/config/semantic_config.hpp"

namespace gasm {

/// (byte / 255 - mean) / std as byte * scale + shift.
struct PixelMap {
  at::Tensor shift, scale;
};

/// `shape` is that of both: 3 where the colour is, 1 elsewhere.
PixelMap make_pixel_map(std::array<double, 3> const& mean,
                        std::array<double, 3> const& std,
                        at::IntArrayRef shape);

/// Normalised RGB to the order that the backbone knows; axis 1 is the colour.
at::Tensor in_order(at::Tensor const& images, ChannelOrder order);

/// Bytes [B, T, 3, H, W] of exactly these sizes, else an Error with both
/// shapes. `keys` says where the sizes come from.
void check_clips(at::Tensor const& clips, std::int64_t num_frames,
                 Resolution const& resolution, char const* keys);

/// What a model of one input does first: bytes [B, T, 3, H, W] -> normalised
/// [B, 3, T, H, W]. `map` has the shape [1, 3, 1, 1, 1].
at::Tensor normalise_clips(at::Tensor const& clips, PixelMap const& map,
                           ChannelOrder order);

}  // namespace gasm
