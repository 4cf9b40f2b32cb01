// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/weight_names.hpp"

#include <gmock/gmock.h>

#include <limits>
#include <string>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string message_of(BackboneKind kind, TensorMap const& tensors) {
  try {
    rename_weights(kind, tensors, "w.pth");
  } catch (Error const& why) {
    return why.what();
  }
  return "";
}

TEST(RenameWeights, ThirdsOfOneMatrixBecomeThree) {
  at::Tensor const rows = at::arange(6.0).unsqueeze(1);
  auto const found =
      rename_weights(BackboneKind::dinov3,
                     {{"model.blocks.7.attn.qkv.weight", rows},
                      {"model.blocks.7.attn.qkv.bias", at::arange(6.0)},
                      {"model.mask_token", rows},
                      {"model.blocks.7.ls2.gamma", rows}},
                     "w.pth");
  EXPECT_EQ(found.origin, WeightOrigin::hub);
  EXPECT_THAT(found.left_out, ElementsAre("model.mask_token"));
  auto const& t = found.tensors;
  EXPECT_TRUE(
      t.at("layer.7.attention.q_proj.weight").equal(rows.slice(0, 0, 2)));
  EXPECT_TRUE(
      t.at("layer.7.attention.k_proj.weight").equal(rows.slice(0, 2, 4)));
  EXPECT_TRUE(
      t.at("layer.7.attention.v_proj.weight").equal(rows.slice(0, 4, 6)));
  // The bias of k is always zero: DINOv3 has none.
  EXPECT_FALSE(t.contains("layer.7.attention.k_proj.bias"));
  EXPECT_TRUE(
      t.at("layer.7.attention.v_proj.bias").equal(at::tensor({4.0F, 5.0F})));
  EXPECT_TRUE(t.contains("layer.7.layer_scale2.lambda1"));
}

TEST(RenameWeights, BiasesThatAreLeftOutAreZero) {
  auto const found =
      rename_weights(BackboneKind::dinov3,
                     {{"blocks.0.attn.qkv.weight", at::ones({6, 2})},
                      {"blocks.0.gamma_1", at::ones({2})}},
                     "w");
  EXPECT_EQ(found.origin, WeightOrigin::timm);
  EXPECT_TRUE(
      found.tensors.at("layer.0.attention.q_proj.bias").equal(at::zeros({2})));
  EXPECT_FALSE(found.tensors.contains("layer.0.attention.k_proj.bias"));
}

TEST(RenameWeights, OfAWholeModelOfOursTheBackbone) {
  at::Tensor const x = at::zeros({1});
  auto const found =
      rename_weights(BackboneKind::dinov3,
                     {{"semantic_backbone.layer.0.attention.q_proj.weight", x},
                      {"semantic_backbone.norm.weight", x},
                      {"gasm_cast.head.bias", x}},
                     "w");
  EXPECT_THAT(found.tensors, testing::SizeIs(2));
  EXPECT_TRUE(found.tensors.contains("norm.weight"));
}

TEST(RenameWeights, SlowFastNamesBecomePytorchvideos) {
  at::Tensor const x = at::zeros({1});
  auto const found = rename_weights(BackboneKind::i3d_r50,
                                    {{"s1.pathway0_stem.conv.weight", x},
                                     {"s1.pathway0_stem.bn.running_var", x},
                                     {"s4.pathway0_res5.branch2.b_bn.bias", x},
                                     {"s5.pathway0_res0.branch1.weight", x},
                                     {"s5.pathway0_res0.branch1_bn.weight", x},
                                     {"head.projection.bias", x}},
                                    "w.pyth");
  std::vector<std::string> names;
  for (auto const& [name, tensor] : found.tensors) names.push_back(name);
  EXPECT_THAT(names,
              ElementsAre("blocks.0.conv.weight", "blocks.0.norm.running_var",
                          "blocks.4.res_blocks.5.branch2.norm_b.bias",
                          "blocks.5.res_blocks.0.branch1_conv.weight",
                          "blocks.5.res_blocks.0.branch1_norm.weight",
                          "blocks.6.proj.bias"));
}

// For the strict loader to name.
TEST(RenameWeights, WhatNoTableKnowsKeepsItsName) {
  at::Tensor const x = at::zeros({1});
  auto const found = rename_weights(
      BackboneKind::vjepa2,
      {{"encoder.layer.0.attention.query.weight", x}, {"surprise", x}}, "w");
  EXPECT_TRUE(found.tensors.contains("surprise"));
}

TEST(RenameWeights, RefusesAnotherModelAndNaNMasks) {
  EXPECT_THAT(
      message_of(BackboneKind::clip, {{"fc.weight", at::zeros({1})}}),
      AllOf(HasSubstr("w.pth"), HasSubstr("clip"), HasSubstr("CLIP (OpenAI)"),
            HasSubstr("fc.weight"), HasSubstr("Try gasm weights inspect")));
  EXPECT_THAT(message_of(BackboneKind::dinov2, {}), HasSubstr("nothing"));
  auto const nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(
      message_of(BackboneKind::dinov3,
                 {{"blocks.0.attn.qkv.weight", at::zeros({6, 2})},
                  {"blocks.0.attn.qkv.bias_mask", at::full({6}, nan)}}),
      AllOf(HasSubstr("blocks.0.attn.qkv.bias_mask"), HasSubstr("NaN")));
  EXPECT_THAT(message_of(BackboneKind::dinov3,
                         {{"blocks.0.attn.qkv.weight", at::zeros({7, 2})}}),
              HasSubstr("three matrices in one"));
}

TEST(OptionsFor, FollowTheOriginUnlessTheConfigurationDecides) {
  BackboneConfig config;
  config.kind = BackboneKind::dinov2;
  config.dim = 8;
  config.depth = 1;
  config.heads = 2;
  config.resolution = Resolution{42, 56};
  BackboneWeights weights;
  weights.tensors = {{"embeddings.position_embeddings", at::zeros({1, 26, 8})}};
  weights.origin = WeightOrigin::hub;
  auto options = options_for(config, weights, "w");
  EXPECT_EQ(options.rules.resize, PositionResize::hub_offset);
  EXPECT_EQ(options.rules.periods, RopePeriods::checkpoint_bf16);
  EXPECT_EQ(options.learned_grid, (std::array<std::int64_t, 2>{5, 5}));
  config.registers = 4;
  EXPECT_EQ(options_for(config, weights, "w").rules.resize,
            PositionResize::size_antialias);
  config.position_resize = PositionResize::size;
  EXPECT_EQ(options_for(config, weights, "w").rules.resize,
            PositionResize::size);
  // 12 = 3 x 4 patches of the resolution, though no square.
  weights.tensors["embeddings.position_embeddings"] = at::zeros({1, 13, 8});
  EXPECT_EQ(options_for(config, weights, "w").learned_grid,
            (std::array<std::int64_t, 2>{3, 4}));
  weights.tensors["embeddings.position_embeddings"] = at::zeros({1, 12, 8});
  EXPECT_THROW(options_for(config, weights, "w"), Error);
}

}  // namespace
}  // namespace gasm
