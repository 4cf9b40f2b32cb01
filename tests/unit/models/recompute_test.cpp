// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/recompute.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "gasm/models/autocast.hpp"
#include "gasm/models/gasm_cast.hpp"
#include "gasm/models/i3d_resnet.hpp"
#include "gasm/models/layers.hpp"
#include "gasm/models/named_tensors.hpp"
#include "gasm/models/peak_memory.hpp"
#include "gasm/models/timesformer.hpp"
#include "gasm/models/vit.hpp"

namespace gasm {
namespace {

/// The gradients of everything that learns, of one seeded step.
template <class Module, class Loss>
std::vector<at::Tensor> gradients(Module& module, Activations activations,
                                  Precision precision, Loss const& loss) {
  module.set_activations(activations);
  module.zero_grad();
  torch::manual_seed(7);
  at::Tensor value;
  {
    AutocastGuard const guard(autocast_of(precision, at::kCPU));
    value = loss(module);
  }
  value.backward();
  std::vector<at::Tensor> grads = {value.detach(), torch::rand({4})};
  for (auto const& parameter : module.parameters())
    if (parameter.requires_grad())
      grads.push_back(parameter.grad().defined() ? parameter.grad().clone()
                                                 : at::Tensor());
  return grads;
}

template <class Module, class Loss>
void expect_same(Module& module, Loss const& loss,
                 Precision precision = Precision::fp32) {
  auto const kept = gradients(module, Activations::kept, precision, loss);
  auto const again =
      gradients(module, Activations::recomputed, precision, loss);
  ASSERT_EQ(kept.size(), again.size());
  std::size_t num_moving = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    ASSERT_EQ(kept[i].defined(), again[i].defined()) << i;
    if (!kept[i].defined()) continue;
    EXPECT_TRUE(at::equal(kept[i], again[i])) << i;
    num_moving += kept[i].abs().sum().template item<double>() > 0 ? 1 : 0;
  }
  EXPECT_GT(num_moving, kept.size() / 2);
}

VitOptions small_vit() {
  VitOptions options;
  options.width = 32;
  options.depth = 3;
  options.heads = 2;
  options.ffn_width = 64;
  options.patch_px = 8;
  options.layer_scale = 0.5;
  return options;
}

auto vit_loss(at::Tensor const& images) {
  return [images](Vit& vit) {
    VitTokens const tokens = vit.forward(images);
    return tokens.patches.to(at::kFloat).square().mean() +
           tokens.cls.to(at::kFloat).sum();
  };
}

TEST(Recomputed, TransformerHasTheSameGradients) {
  Vit vit(small_vit());
  expect_same(vit, vit_loss(torch::randn({2, 3, 32, 40})));
}

TEST(Recomputed, TransformerHasTheSameGradientsIn16Bit) {
  Vit vit(small_vit());
  expect_same(vit, vit_loss(torch::randn({2, 3, 32, 40})), Precision::bf16);
}

TEST(Recomputed, OnlyLastBlockLearns) {
  Vit vit(small_vit());
  for (auto const& item : vit.named_parameters())
    item.value().set_requires_grad(item.key().starts_with("layer.2."));
  expect_same(vit, vit_loss(torch::randn({2, 3, 32, 40})));
}

TEST(Recomputed, OnlyFirstBlockLearns) {
  Vit vit(small_vit());
  for (auto const& item : vit.named_parameters())
    item.value().set_requires_grad(item.key().starts_with("layer.0."));
  expect_same(vit, vit_loss(torch::randn({2, 3, 32, 40})));
}

TEST(Recomputed, BatchNormsOfI3dHaveTheSameGradients) {
  I3dOptions options;
  options.stem_width = 4;
  options.stages = {{2, 4, 8, 1, {3}}, {1, 4, 12, 2, {3, 1}}};
  I3dResNet i3d(options);
  at::Tensor const clips = torch::randn({2, 3, 8, 32, 32});
  expect_same(i3d,
              [&](I3dResNet& m) { return m.forward(clips).square().sum(); });
}

TEST(Recomputed, DropPathOfTimesformerDrawsTheSame) {
  TimesformerOptions options;
  options.width = 16;
  options.depth = 3;
  options.heads = 2;
  options.ffn_width = 32;
  options.patch_px = 8;
  options.image_height_px = options.image_width_px = 16;
  options.num_frames = 4;
  options.num_classes = 5;
  options.drop_path = 0.5;
  Timesformer model(options);
  at::NoGradGuard guard;
  for (auto& parameter : model.parameters())
    if (parameter.abs().sum().item<double>() == 0) parameter.normal_(0, 0.1);
  at::AutoGradMode const with_grad(true);
  at::Tensor const clips = torch::randn({6, 3, 4, 16, 16});
  expect_same(model, [&](Timesformer& m) {
    return m.forward(clips).logits.square().sum();
  });
}

TEST(Recomputed, DropoutOfFusionDrawsTheSame) {
  FusionSpec spec;
  spec.num_classes = 5;
  spec.semantic_dim = spec.motion_dim = 16;
  spec.semantic_grid = {2, 3};
  spec.motion_segments = 4;
  spec.motion_grid = {2, 2};
  spec.graph_heads = spec.fusion_heads = 2;
  spec.fusion_dim = 8;
  spec.dropout = 0.3;
  spec.drop_path = 0.3;
  for (auto const kind : {FusionKind::bcast, FusionKind::cross}) {
    spec.fusion = kind;
    GasmCast model(spec);
    {
      at::NoGradGuard const no_grad;
      for (auto& parameter : model.parameters())
        if (parameter.abs().sum().item<double>() == 0)
          parameter.normal_(0, 0.1);
    }
    at::Tensor const s = torch::randn({6, 1, 6, 16});
    at::Tensor const m = torch::randn({6, 4, 4, 16});
    expect_same(model, [&](GasmCast& cast) {
      return cast.forward(s, m).square().sum();
    });
  }
}

TEST(Recomputed, WithoutGradientsIsAPlainCall) {
  Vit vit(small_vit());
  vit.set_activations(Activations::recomputed);
  at::NoGradGuard const no_grad;
  EXPECT_FALSE(vit.forward(torch::randn({1, 3, 32, 32})).cls.requires_grad());
}

TEST(Recomputed, HoldsOneBlockAtATime) {
  VitOptions options = small_vit();
  options.depth = 12;
  Vit vit(options);
  at::Tensor const images = torch::randn({4, 3, 96, 96});
  auto const peak = [&](Activations activations) {
    return peak_tensor_bytes([&] {
      gradients(vit, activations, Precision::fp32, vit_loss(images));
    });
  };
  peak(Activations::kept);  // makes the .grad tensors
  // Beside one block, 12 inputs of blocks remain of what 12 blocks keep.
  EXPECT_LT(3 * peak(Activations::recomputed), peak(Activations::kept));
}

TEST(PeakTensorBytes, CountsWhatIsHeldAtOnce) {
  auto const peak = peak_tensor_bytes([] {
    at::empty({1000});  // gone at once
    at::Tensor const a = at::empty({500}), b = at::empty({500});
    at::empty({100});
  });
  // Sizes are rounded up to the alignment of 64 bytes at most.
  EXPECT_GE(peak, 4 * 1100);
  EXPECT_LE(peak, 4 * 1100 + 3 * 64);
}

}  // namespace
}  // namespace gasm
