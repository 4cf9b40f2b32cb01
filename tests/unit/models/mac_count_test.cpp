// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/mac_count.hpp"

#include <gtest/gtest.h>

#include "gasm/config/fusion_spec.hpp"
#include "gasm/models/gasm_cast.hpp"
#include "gasm/models/model_summary.hpp"

namespace gasm {
namespace {

TEST(CountMacs, CountsProductsConvolutionsAndAttention) {
  at::Tensor const a = torch::rand({2, 3, 5}), b = torch::rand({2, 5, 7});
  EXPECT_EQ(count_macs([&] { at::matmul(a, b); }), 2 * 3 * 5 * 7);
  torch::nn::Linear linear(5, 4);
  EXPECT_EQ(count_macs([&] { linear->forward(a); }), 2 * 3 * 5 * 4);
  torch::nn::Conv2d conv(
      torch::nn::Conv2dOptions(4, 6, 3).stride(2).padding(1).groups(2));
  EXPECT_EQ(count_macs([&] {
              conv->forward(torch::rand({2, 4, 8, 10}));
            }),
            2 * 6 * 4 * 5 * (2 * 3 * 3));
  at::Tensor const q = torch::rand({2, 3, 5, 4}), k = torch::rand({2, 3, 9, 4});
  EXPECT_EQ(count_macs([&] { at::scaled_dot_product_attention(q, k, k); }),
            2 * 3 * 5 * 9 * (4 + 4));
  EXPECT_EQ(count_macs([&] { (a + 1).softmax(-1); }), 0);
}

TEST(CountMacs, BackwardOfAProductIsTwoProducts) {
  at::Tensor const a = torch::rand({3, 5}).requires_grad_(true);
  at::Tensor const b = torch::rand({5, 7}).requires_grad_(true);
  EXPECT_EQ(count_macs([&] { at::mm(a, b).sum().backward(); }), 3 * 3 * 5 * 7);
}

TEST(CountMacs, BackwardOfAConvolutionIsOneForEachGradient) {
  torch::nn::Conv2d conv(
      torch::nn::Conv2dOptions(4, 6, 3).stride(2).padding(1).groups(2));
  double const once = 2 * 6 * 4 * 5 * (2 * 3 * 3);
  for (bool const learns : {false, true}) {
    at::Tensor const x = torch::rand({2, 4, 8, 10}).requires_grad_(learns);
    EXPECT_EQ(count_macs([&] { conv->forward(x).sum().backward(); }),
              once * (learns ? 3 : 2));
  }
}

TEST(CountMacs, BackwardOfAttentionIsTwiceItsForward) {
  at::Tensor const q = torch::rand({2, 3, 5, 4}).requires_grad_(true);
  at::Tensor const k = torch::rand({2, 3, 9, 4}).requires_grad_(true);
  EXPECT_EQ(count_macs([&] {
              at::scaled_dot_product_attention(q, k, k).sum().backward();
            }),
            3 * 2 * 3 * 5 * 9 * (4 + 4));
}

/// What is printed of a model is what it does.
template <class Module>
double traced(Module& module, at::Tensor const& input) {
  at::NoGradGuard const no_grad;
  module.eval();
  return count_macs([&] { module.forward(input); });
}

TEST(CountMacs, TransformersDoWhatTheirSummarySays) {
  for (FfnKind const ffn : {FfnKind::mlp, FfnKind::swiglu}) {
    VitOptions options;
    options.width = 32;
    options.depth = 3;
    options.heads = 2;
    options.ffn_width = 80;
    options.ffn = ffn;
    Vit vit(options);
    EXPECT_EQ(traced(vit, torch::rand({1, 3, 48, 64})),
              vit_macs(options, 48, 64));
  }
  VitOptions clips;
  clips.width = 24;
  clips.depth = 2;
  clips.heads = 2;
  clips.patch_px = 8;
  clips.tubelet = 2;
  clips.positions = VitPositions::sinusoid;
  clips.has_cls = false;
  clips.registers = 0;
  Vit vit(clips);
  EXPECT_EQ(traced(vit, torch::rand({1, 3, 4, 24, 16})),
            vit_macs(clips, 24, 16, 4));
}

TEST(CountMacs, VideoModelsDoWhatTheirSummarySays) {
  I3dOptions i3d;
  i3d.stem_width = 8;
  i3d.stages = {{2, 4, 16, 1, {3}}, {3, 8, 24, 2, {3, 1}}};
  I3dResNet network(i3d);
  EXPECT_EQ(traced(network, torch::rand({1, 3, 9, 40, 56})),
            i3d_macs(i3d, {9, 40, 56}));
  TimesformerOptions options;
  options.width = 24;
  options.depth = 2;
  options.heads = 2;
  options.ffn_width = 48;
  options.patch_px = 8;
  options.image_height_px = 16;
  options.image_width_px = 24;
  options.num_frames = 4;
  options.num_classes = 7;
  Timesformer timesformer(options);
  EXPECT_EQ(traced(timesformer, torch::rand({1, 3, 4, 16, 24})),
            timesformer_macs(options, {4, 16, 24}));
}

TEST(CountMacs, FusionsDoWhatTheirSummarySays) {
  FusionSpec spec;
  spec.num_classes = 7;
  spec.semantic_dim = 24;
  spec.motion_dim = 16;
  spec.semantic_grid = {3, 4};
  spec.semantic_frames = {2, 6};
  spec.motion_segments = 4;
  spec.motion_grid = {2, 2};
  spec.motion_width = 8;
  spec.graph_layers = 2;
  spec.graph_heads = spec.fusion_heads = 4;
  spec.graph_sim_dim = 6;
  spec.pool_heads = 4;
  spec.fusion_dim = 12;
  for (FusionKind const kind :
       {FusionKind::bcast, FusionKind::cross, FusionKind::concat,
        FusionKind::late, FusionKind::semantic, FusionKind::motion})
    for (FusionPool const pool :
         {FusionPool::mean, FusionPool::time_concat, FusionPool::attention}) {
      spec.fusion = kind;
      spec.pool = pool;
      GasmCast cast(spec);
      cast.eval();
      at::NoGradGuard const no_grad;
      at::Tensor const s = torch::rand({1, 2, 12, 24});
      at::Tensor const m = torch::rand({1, 4, 4, 16});
      // Biases of dense graphs are added by a product too: three columns for
      // each head and pair of nodes.
      double const pairs = (kind != FusionKind::motion ? 2 * 12 * 12 : 0) +
                           (kind != FusionKind::semantic ? 4 * 4 * 4 : 0);
      EXPECT_EQ(count_macs([&] { cast.forward(s, m); }),
                fusion_macs(spec) +
                    3.0 * spec.graph_layers * spec.graph_heads * pairs)
          << to_word(kind) << " " << to_word(pool);
    }
}

}  // namespace
}  // namespace gasm
