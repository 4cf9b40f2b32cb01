// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/cross_attention.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "gasm/config/fusion_spec.hpp"
#include "gasm/models/fusion_layers.hpp"

namespace gasm {
namespace {

FusionSpec small_spec() {
  FusionSpec spec;
  spec.semantic_grid = {4, 6};
  spec.motion_grid = {2, 3};
  spec.semantic_frames = {0, 3, 7};
  spec.motion_segments = 4;
  spec.clip_frames = 8;
  return spec;
}

/// "1001" for a row of a mask.
std::string bits(at::Tensor const& row) {
  std::string text;
  for (std::int64_t i = 0; i < row.numel(); ++i)
    text += row[i].item<bool>() ? '1' : '0';
  return text;
}

TEST(AlignedMasks, APatchSeesItsCellAtAllTimes) {
  at::Tensor const sees = aligned_masks(small_spec()).semantic_sees_motion;
  ASSERT_EQ(sees.sizes(), (std::vector<std::int64_t>{3 * 24, 4 * 6}));
  // Cells are 2 x 2 patches.
  EXPECT_EQ(bits(sees[0]), "100000100000100000100000");
  EXPECT_EQ(bits(sees[1 * 6 + 1]), "100000100000100000100000");
  EXPECT_EQ(bits(sees[1 * 6 + 2]), "010000010000010000010000");
  EXPECT_EQ(bits(sees[3 * 6 + 5]), "000001000001000001000001");
  EXPECT_TRUE(at::equal(sees[0], sees[2 * 24]));
}

TEST(AlignedMasks, AMotionTokenSeesTheNearestFrame) {
  FusionSpec spec = small_spec();
  spec.semantic_grid = {1, 1};
  spec.motion_grid = {1, 2};
  // Segments of 2 frames are centred on 0.5, 2.5, 4.5, 6.5; frames 0, 3, 7.
  at::Tensor const sees = aligned_masks(spec).motion_sees_semantic;
  char const* const wanted[] = {"100", "010", "010", "001"};
  for (std::int64_t t = 0; t < 4; ++t)
    for (std::int64_t p = 0; p < 2; ++p)
      EXPECT_EQ(bits(sees[t * 2 + p]), wanted[t]) << t;
}

TEST(AlignedMasks, OfTwoFramesAsNearTheEarlierOneIsSeen) {
  FusionSpec spec = small_spec();
  spec.semantic_grid = {1, 1};
  spec.motion_grid = {1, 1};
  spec.semantic_frames = {3, 4};
  spec.motion_segments = 1;  // centred on 3.5
  EXPECT_EQ(bits(aligned_masks(spec).motion_sees_semantic[0]), "10");
}

TEST(AlignedMasks, CellsThatDoNotDivideTheGridCoverEveryPatchOnce) {
  FusionSpec spec = small_spec();
  spec.semantic_grid = {5, 7};
  spec.motion_segments = 1;
  spec.semantic_frames = {0};
  at::Tensor const sees = aligned_masks(spec).semantic_sees_motion;
  EXPECT_TRUE(at::equal(sees.sum(1), at::ones({35}, at::kLong)));
  EXPECT_GT(sees.sum(0).min().item<int>(), 0);
}

TEST(SquaredDistance, IsBetweenCentresInPatches) {
  at::Tensor const d = squared_distance(small_spec());
  ASSERT_EQ(d.sizes(), (std::vector<std::int64_t>{3 * 24, 4 * 6}));
  // Patch (0, 0) has centre (.5, .5); cell (0, 0) has (1, 1), (1, 2) (3, 5).
  EXPECT_FLOAT_EQ(d[0][0].item<float>(), 0.5F);
  EXPECT_FLOAT_EQ(d[0][5].item<float>(), 2.5F * 2.5F + 4.5F * 4.5F);
  EXPECT_FLOAT_EQ(d[2 * 24][3 * 6 + 5].item<float>(),
                  2.5F * 2.5F + 4.5F * 4.5F);
}

TEST(CrossAttention, GainsStartWhereTheSpecSays) {
  FusionSpec spec;
  spec.semantic_grid = spec.motion_grid = {2, 2};
  spec.fusion_dim = 8;
  spec.fusion_heads = 2;
  spec.cross_bias = true;
  for (double const start : {0.25, 2.0}) {
    spec.cross_bias_start = start;
    BCast const layer(8, 8, spec);
    int num_gains = 0;
    for (auto const& gain : layer.named_parameters()) {
      if (!gain.key().ends_with(".pos_gain")) continue;
      ++num_gains;
      EXPECT_TRUE(at::equal(gain.value(), at::full({2}, start)));
    }
    EXPECT_EQ(num_gains, 2);
  }
}

TEST(CrossAttention, EqualsLoopsOverTokens) {
  torch::manual_seed(5);
  at::Tensor const distance = torch::rand({3, 4});
  at::Tensor mask = torch::ones({3, 4}, at::kBool);
  mask[1][0] = false;
  mask[2][3] = false;
  CrossAttention layer(6, 2, distance);
  at::NoGradGuard const no_grad;
  auto p = layer.named_parameters();
  p["pos_gain"].copy_(at::tensor({0.7F, -0.2F}));
  at::Tensor const query = torch::randn({1, 3, 6});
  at::Tensor const context = torch::randn({1, 4, 6});
  auto const linear = [&](std::string const& name, at::Tensor const& x) {
    return at::linear(x, p[name + ".weight"], p[name + ".bias"]);
  };
  at::Tensor const q = linear("q", query[0]), k = linear("k", context[0]),
                   v = linear("v", context[0]);
  at::Tensor mixed = at::zeros({3, 6});
  for (std::int64_t h = 0; h < 2; ++h)
    for (std::int64_t i = 0; i < 3; ++i) {
      double total = 0.0;
      at::Tensor sum = at::zeros({3});
      for (std::int64_t j = 0; j < 4; ++j) {
        if (!mask[i][j].item<bool>()) continue;
        double const dot = q[i].narrow(0, 3 * h, 3)
                               .dot(k[j].narrow(0, 3 * h, 3))
                               .item<double>();
        double const weight =
            std::exp(dot / std::sqrt(3.0) - p["pos_gain"][h].item<double>() *
                                                distance[i][j].item<double>());
        total += weight;
        sum += weight * v[j].narrow(0, 3 * h, 3);
      }
      mixed[i].narrow(0, 3 * h, 3) = sum / total;
    }
  Trace trace;
  at::Tensor const got =
      layer.forward(query, context, mask, TraceScope(&trace), "seen");
  EXPECT_TRUE(at::allclose(got[0], linear("o", mixed), 1e-4, 1e-6));
  EXPECT_EQ(trace.at("seen").sizes(), (std::vector<std::int64_t>{1, 2, 3, 4}));
  EXPECT_EQ(trace.at("seen")[0][0][1][0].item<float>(), 0.0F);
}

}  // namespace
}  // namespace gasm
