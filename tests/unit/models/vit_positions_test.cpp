// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/vit_positions.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "gasm/models/vit.hpp"

namespace gasm {
namespace {

TEST(SinusoidPositions, AreTheFormula) {
  at::Tensor const table = sinusoid_positions(5, 6);
  ASSERT_EQ(table.sizes(), (std::vector<std::int64_t>{1, 5, 6}));
  for (std::int64_t token = 0; token < 5; ++token)
    for (std::int64_t c = 0; c < 6; ++c) {
      double const angle =
          double(token) / std::pow(10000.0, 2.0 * double(c / 2) / 6.0);
      EXPECT_NEAR(table[0][token][c].item<double>(),
                  c % 2 == 0 ? std::sin(angle) : std::cos(angle), 1e-6);
    }
}

// A head of 14: four channels an axis, and two that are not turned.
TEST(Rope3d, TurnsNeighboursByThePublishedAngles) {
  VitOptions options;
  options.width = 14;
  options.heads = 1;
  options.positions = VitPositions::rope_3d;
  PatchGrid const grid = {2, 3, 2};
  RopeTable const table = make_rope_table(options, grid);
  ASSERT_EQ(table.cos.sizes(), (std::vector<std::int64_t>{12, 12}));
  torch::manual_seed(1);
  at::Tensor const x = torch::randn({1, 1, 12, 14});
  at::Tensor const y = rotate_patches(x, table);
  double const omega[] = {1.0, 1.0 / 100.0};  // 10000^(-i / 2)
  for (std::int64_t token = 0; token < 12; ++token) {
    double const place[] = {double(token / 6), double(token / 2 % 3),
                            double(token % 2)};
    auto const at = [&](at::Tensor const& z, std::int64_t c) {
      return z[0][0][token][c].item<double>();
    };
    for (std::int64_t axis = 0; axis < 3; ++axis)
      for (std::int64_t c = 0; c < 4; ++c) {
        auto const first = 4 * axis;
        // Tiled, not repeated: channel c has the frequency c mod 2.
        double const angle = place[axis] * omega[c % 2];
        double const other =
            c % 2 == 0 ? -at(x, first + c + 1) : at(x, first + c - 1);
        EXPECT_NEAR(
            at(y, first + c),
            at(x, first + c) * std::cos(angle) + other * std::sin(angle), 1e-5);
      }
    EXPECT_EQ(at(y, 12), at(x, 12));
    EXPECT_EQ(at(y, 13), at(x, 13));
  }
}

TEST(ResizePositions, KeepsAPlaneAndTheClassToken) {
  // A constant stays one under any resampling.
  at::Tensor table = at::full({1, 1 + 25, 3}, 2.0);
  table[0][0].fill_(7.0);
  for (auto const resize :
       {PositionResize::size, PositionResize::size_antialias,
        PositionResize::hub_offset}) {
    at::Tensor const resized = resize_positions(table, {5, 5}, {3, 8}, resize);
    ASSERT_EQ(resized.sizes(), (std::vector<std::int64_t>{1, 25, 3}));
    EXPECT_TRUE(resized[0][0].eq(7.0).all().item<bool>());
    EXPECT_TRUE(at::allclose(resized.narrow(1, 1, 24), at::full({1}, 2.0)));
  }
  EXPECT_TRUE(resize_positions(table, {5, 5}, {5, 5}, PositionResize::size)
                  .is_same(table));
}

}  // namespace
}  // namespace gasm
