// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/vit_positions.hpp"

#include <cmath>
#include <numbers>

#include "gasm/models/vit.hpp"

namespace gasm {
namespace {

RopeTable axial_table(VitOptions const& options, PatchGrid const& grid) {
  auto const [time, rows, columns] = grid;
  double const head_dim =
      static_cast<double>(options.width) / static_cast<double>(options.heads);
  at::Tensor frequency =
      1.0 / at::pow(options.rope_base,
                    at::arange(0.0, 1.0, 4.0 / head_dim, at::kFloat));
  if (options.rules.periods == RopePeriods::checkpoint_bf16)
    frequency = 1.0 / (1.0 / frequency).to(at::kBFloat16).to(at::kFloat);
  auto const centres = [](std::int64_t n) {
    auto const size = static_cast<double>(n);
    return 2.0 * (at::arange(0.5, size, at::kFloat) / size) - 1.0;
  };
  at::Tensor const y = centres(rows).view({rows, 1}).expand({rows, columns});
  at::Tensor const x = centres(columns).expand({rows, columns});
  at::Tensor const centre = at::stack({y, x}, -1).flatten(0, 1);
  at::Tensor const angle =
      (2.0 * std::numbers::pi * centre.unsqueeze(-1) * frequency)
          .flatten(1, 2)
          .tile({time, 2});
  return {angle.cos(), angle.sin(), RopePairs::halves};
}

/// [t rows columns, n] of one axis, whose index is `place`.
at::Tensor axis_angles(at::Tensor const& place, std::int64_t num_channels) {
  std::int64_t const half = num_channels / 2;
  at::Tensor const omega =
      1.0 / at::pow(10000.0, at::arange(half, at::kFloat) /
                                 (static_cast<double>(num_channels) / 2.0));
  return (place.flatten().unsqueeze(-1) * omega).tile({1, 2});
}

RopeTable space_time_table(VitOptions const& options, PatchGrid const& grid) {
  auto const [time, rows, columns] = grid;
  std::int64_t const num_channels = options.width / options.heads / 3 / 2 * 2;
  auto const places =
      at::meshgrid({at::arange(time, at::kFloat), at::arange(rows, at::kFloat),
                    at::arange(columns, at::kFloat)},
                   "ij");
  std::vector<at::Tensor> angles;
  for (at::Tensor const& place : places)
    angles.push_back(axis_angles(place, num_channels));
  at::Tensor const angle = at::cat(angles, 1);
  return {angle.cos(), angle.sin(), RopePairs::neighbours};
}

/// (-b, a) of each pair (a, b).
at::Tensor rotated_pairs(at::Tensor const& x, RopePairs pairs) {
  if (pairs == RopePairs::halves) {
    auto const halves = x.chunk(2, -1);
    return at::cat({-halves[1], halves[0]}, -1);
  }
  auto const both = x.unflatten(-1, {-1, 2}).unbind(-1);
  return at::stack({-both[1], both[0]}, -1).flatten(-2);
}

}  // namespace

RopeTable make_rope_table(VitOptions const& options, PatchGrid const& grid) {
  if (options.positions == VitPositions::rope)
    return axial_table(options, grid);
  if (options.positions == VitPositions::rope_3d)
    return space_time_table(options, grid);
  return {};
}

at::Tensor rotate_patches(at::Tensor const& x, RopeTable const& table) {
  if (!table.cos.defined()) return x;
  std::int64_t const patches = table.cos.size(0);
  std::int64_t const channels = table.cos.size(1);
  std::int64_t const prefix = x.size(2) - patches;
  at::Tensor const tokens = x.narrow(2, prefix, patches);
  at::Tensor const turned = tokens.narrow(3, 0, channels);
  at::Tensor rotated =
      turned * table.cos + rotated_pairs(turned, table.pairs) * table.sin;
  rotated = rotated.to(x.scalar_type());  // angles are exact, the result not
  if (channels < x.size(3))
    rotated =
        at::cat({rotated, tokens.narrow(3, channels, x.size(3) - channels)}, 3);
  if (prefix == 0) return rotated;
  return at::cat({x.narrow(2, 0, prefix), rotated}, 2);
}

at::Tensor resize_positions(at::Tensor const& table,
                            std::array<std::int64_t, 2> const& stored,
                            std::array<std::int64_t, 2> const& wanted,
                            PositionResize resize) {
  if (stored == wanted) return table;
  at::Tensor const grid = table.narrow(1, 1, table.size(1) - 1)
                              .to(at::kFloat)
                              .unflatten(1, {stored[0], stored[1]})
                              .permute({0, 3, 1, 2});
  auto const scale = [&](std::size_t axis) {
    return (static_cast<double>(wanted[axis]) + 0.1) /
           static_cast<double>(stored[axis]);
  };
  at::Tensor resized;
  if (resize == PositionResize::size_antialias)
    resized = at::_upsample_bicubic2d_aa(grid, wanted, false);
  else if (resize == PositionResize::hub_offset)
    resized = at::upsample_bicubic2d(grid, wanted, false, scale(0), scale(1));
  else
    resized = at::upsample_bicubic2d(grid, wanted, false);
  return at::cat({table.narrow(1, 0, 1),
                  resized.permute({0, 2, 3, 1}).flatten(1, 2).to(table)},
                 1);
}

at::Tensor sinusoid_positions(std::int64_t num_tokens, std::int64_t width) {
  at::Tensor const channel = at::arange(width, at::kDouble).div(2, "floor") *
                             2.0 / static_cast<double>(width);
  at::Tensor const angle = at::arange(num_tokens, at::kDouble).unsqueeze(1) /
                           at::pow(10000.0, channel);
  at::Tensor const is_even =
      at::arange(width).remainder(2).eq(0).expand_as(angle);
  return at::where(is_even, angle.sin(), angle.cos())
      .to(at::kFloat)
      .unsqueeze(0);
}

}  // namespace gasm
