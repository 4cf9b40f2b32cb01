// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <array>
#include <cstdint>

#include "gasm/config/backbone_config.hpp"

namespace gasm {

struct VitOptions;

/// Time (1 for images), rows, columns of patches.
using PatchGrid = std::array<std::int64_t, 3>;

/// How the channels of a head pair up into points that are turned.
enum class RopePairs {
  halves,      ///< c and c + d / 2
  neighbours,  ///< 2 c and 2 c + 1
};

/// cos and sin [tokens, turned channels] of the rotary angles, fp32.
struct RopeTable {
  at::Tensor cos, sin;
  RopePairs pairs = RopePairs::halves;
};

/// Undefined tensors where positions are not rotary.
///
/// rope (DINOv3): patch centres in [-1, 1] an axis, angle 2 pi c / period,
/// period base^(i / (d / 4)), first y then x, tiled twice. Pairs are halves.
/// rope_3d (V-JEPA 2): whole numbers t, y, x; a third of the head each, of
/// 2 floor(d / 6) channels, the rest is not turned; angle c 10000^(-i / (n /
/// 2)). As in the published code the angles are tiled twice although pairs
/// are neighbours, so the two of a pair are turned by different angles.
RopeTable make_rope_table(VitOptions const& options, PatchGrid const& grid);

/// x [B, heads, T, d] with its last `table` rows of T turned, in their first
/// channels: x cos + rotated(x) sin; (a, b) of a pair is rotated to (-b, a).
at::Tensor rotate_patches(at::Tensor const& x, RopeTable const& table);

/// Learned positions [1, 1 + rows * columns, D] of a stored grid for another
/// one, bicubic in fp32. size: to that size; size_antialias: with a low-pass;
/// hub_offset: by the scale (n + 0.1) / stored, as DINOv2's own code does. The
/// same grid is returned as it is.
at::Tensor resize_positions(at::Tensor const& table,
                            std::array<std::int64_t, 2> const& stored,
                            std::array<std::int64_t, 2> const& wanted,
                            PositionResize resize);

/// [1, tokens, width]: sin at even and cos at odd channels 2i, 2i + 1 of
/// token / 10000^(2i / width) (Vaswani et al., 2017).
at::Tensor sinusoid_positions(std::int64_t num_tokens, std::int64_t width);

}  // namespace gasm
