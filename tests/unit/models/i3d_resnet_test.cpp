// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/i3d_resnet.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "gasm/base/error.hpp"
#include "gasm/models/model_summary.hpp"
#include "gasm/models/named_tensors.hpp"

namespace gasm {
namespace {

I3dOptions tiny() {
  I3dOptions options;
  options.stem_width = 4;
  options.stem_kernel = {3, 5, 5};
  options.stages = {{2, 4, 8, 1, {3, 1}}, {1, 4, 12, 2, {3}}};
  return options;
}

MotionConfig published(MotionStage stage) {
  MotionConfig config;
  config.stage = stage;
  return config;
}

TEST(I3dResNet, OutputSizeIsTheForwardsOwn) {
  torch::manual_seed(1);
  for (Size3 const clip :
       {Size3{8, 32, 48}, Size3{7, 33, 41}, Size3{2, 17, 16}}) {
    I3dOptions options = tiny();
    for (std::int64_t const pool : {1, 2}) {
      options.temporal_pool = pool;
      I3dResNet model(options);
      at::Tensor const y =
          model.forward(torch::randn({2, 3, clip[0], clip[1], clip[2]}));
      Size3 const size = i3d_output_size(options, clip);
      EXPECT_EQ(y.sizes(),
                (std::vector<std::int64_t>{2, 12, size[0], size[1], size[2]}));
    }
  }
}

TEST(I3dResNet, StagesHaveThePublishedSizes) {
  struct Tap {
    MotionStage stage;
    std::int64_t channels;
    Size3 size;
  };
  for (Tap const& tap : {Tap{MotionStage::res2, 256, {16, 56, 56}},
                         Tap{MotionStage::res3, 512, {8, 28, 28}},
                         Tap{MotionStage::res4, 1024, {8, 14, 14}},
                         Tap{MotionStage::res5, 2048, {8, 7, 7}}}) {
    I3dOptions const options = i3d_options(published(tap.stage));
    EXPECT_EQ(options.stages.back().outer, tap.channels);
    EXPECT_EQ(i3d_output_size(options, {16, 224, 224}), tap.size);
  }
}

TEST(I3dResNet, BodyHasThePublishedParametersAndCost) {
  I3dOptions const options = i3d_options(published(MotionStage::res5));
  I3dResNet const model(options);
  std::int64_t total = 0;
  for (auto const& parameter : model.parameters()) total += parameter.numel();
  EXPECT_EQ(total, 27'223'872);
  EXPECT_NEAR(i3d_macs(options, {16, 224, 224}) * 1e-9, 56.8, 0.05);
  EXPECT_NEAR(i3d_macs(options, {8, 256, 256}) * 1e-9, 37.1, 0.05);
}

TEST(I3dResNet, StartsAsPublished) {
  torch::manual_seed(1);
  I3dOptions options = tiny();
  options.stem_width = 64;
  options.last_norm_gain = 0.0;
  I3dResNet const model(options);
  for (auto const& [name, tensor] : named_tensors(model)) {
    if (name == "blocks.0.conv.weight") {
      double const fan_out = 64.0 * 3 * 5 * 5;
      EXPECT_NEAR(tensor.std().item<double>(), std::sqrt(2.0 / fan_out),
                  0.03 * std::sqrt(2.0 / fan_out));
    }
    if (name.ends_with("norm_c.weight")) {
      EXPECT_EQ(tensor.abs().max().item<float>(), 0.0F) << name;
    }
    if (name.ends_with("norm_b.weight")) {
      EXPECT_EQ(tensor.min().item<float>(), 1.0F) << name;
    }
  }
}

TEST(I3dResNet, GradientReachesEveryParameter) {
  torch::manual_seed(1);
  I3dResNet model(tiny());
  model.forward(torch::randn({2, 3, 4, 24, 24})).square().sum().backward();
  for (auto const& parameter : model.named_parameters())
    EXPECT_TRUE(parameter.value().grad().defined()) << parameter.key();
}

TEST(I3dResNet, RefusesClipsThatVanish) {
  I3dResNet model(tiny());
  EXPECT_THROW(model.forward(torch::randn({1, 3, 1, 32, 32})), Error);
  EXPECT_THROW(model.forward(torch::randn({1, 4, 8, 32, 32})), Error);
}

TEST(I3dResNet, AFileWithFewStagesCannotGiveALateOne) {
  MotionConfig config;
  config.kind = MotionKind::custom;
  config.stage = MotionStage::res4;
  config.widths = {8, 16};
  EXPECT_THROW(i3d_options(config), Error);
}

TEST(I3dResNet, TapsAreTheMapsOfShorterBackbones) {
  torch::manual_seed(2);
  I3dOptions options = tiny();
  options.stages.push_back({1, 4, 16, 2, {1, 3}});
  I3dResNet whole(options);
  whole.eval();
  TensorMap tensors;
  for (auto const& [name, tensor] : named_tensors(whole))
    tensors[name] = tensor;
  for (at::Tensor const& clips :
       {torch::randn({2, 3, 8, 32, 48}), torch::randn({1, 3, 3, 17, 21})}) {
    I3dTaps const taps = whole.forward_taps(clips);
    ASSERT_EQ(taps.stages.size(), 3U);
    EXPECT_FALSE(taps.logits.defined());
    for (std::size_t last = 1; last <= 3; ++last) {
      I3dOptions shorter = options;
      shorter.stages.resize(last);
      I3dResNet part(shorter);
      load_named_tensors(part, up_to_stage(tensors, last), "whole");
      part.eval();
      EXPECT_TRUE(at::equal(taps.stages[last - 1], part.forward(clips)));
    }
  }
}

I3dOptions tiny_with_head() {
  I3dOptions options = tiny();
  options.num_classes = 5;
  options.head_pool = {2, 3, 2};
  return options;
}

TEST(I3dResNet, HeadAveragesWindowsAndThenTheirLogits) {
  torch::manual_seed(3);
  I3dOptions const options = tiny_with_head();
  I3dResNet model(options);
  model.eval();
  at::Tensor const clips = torch::randn({2, 3, 7, 57, 50});
  I3dTaps const taps = model.forward_taps(clips);
  at::Tensor const map = taps.stages.back();
  EXPECT_TRUE(at::equal(map, model.forward(clips)));
  Size3 const tap = i3d_output_size(options, {7, 57, 50});
  Size3 const places = i3d_head_size(options, tap);
  EXPECT_EQ(places, (Size3{tap[0] - 1, tap[1] - 2, tap[2] - 1}));
  at::Tensor weight, bias;
  for (auto const& [name, tensor] : named_tensors(model)) {
    if (name == "blocks.4.proj.weight") weight = tensor;
    if (name == "blocks.4.proj.bias") bias = tensor;
  }
  ASSERT_TRUE(weight.defined() && bias.defined());
  at::Tensor wanted = at::zeros({2, 5});
  double const count = static_cast<double>(places[0] * places[1] * places[2]);
  for (std::int64_t t = 0; t < places[0]; ++t)
    for (std::int64_t y = 0; y < places[1]; ++y)
      for (std::int64_t x = 0; x < places[2]; ++x) {
        at::Tensor const mean =
            map.narrow(2, t, 2).narrow(3, y, 3).narrow(4, x, 2).mean({2, 3, 4});
        wanted += (mean.matmul(weight.t()) + bias) / count;
      }
  EXPECT_TRUE(at::allclose(taps.logits, wanted, 1e-5, 1e-6));
}

TEST(I3dResNet, HeadStartsAsPublishedAndLearns) {
  torch::manual_seed(4);
  I3dOptions options = tiny_with_head();
  options.num_classes = 400;
  I3dResNet model(options);
  at::Tensor const weight = model.named_parameters()["blocks.4.proj.weight"];
  EXPECT_NEAR(weight.std().item<double>(), 0.01, 0.001);
  at::Tensor const bias = model.named_parameters()["blocks.4.proj.bias"];
  EXPECT_EQ(bias.abs().max().item<float>(), 0.0F);
  at::Tensor const clips = torch::randn({1, 3, 8, 48, 48});
  (model.forward_taps(clips).logits * torch::randn({400})).sum().backward();
  for (auto const& parameter : model.named_parameters())
    EXPECT_TRUE(parameter.value().grad().defined()) << parameter.key();
  // Dropout, while it trains.
  EXPECT_FALSE(at::equal(model.forward_taps(clips).logits,
                         model.forward_taps(clips).logits));
}

TEST(I3dResNet, AHeadNeedsItsPool) {
  I3dResNet model(tiny_with_head());
  at::Tensor const small = torch::randn({1, 3, 8, 32, 32});
  EXPECT_EQ(model.forward(small).size(3), 4);  // the tap is there
  EXPECT_THROW(model.forward_taps(torch::randn({1, 3, 3, 32, 32})), Error);
  EXPECT_THROW(model.forward_taps(torch::randn({1, 3, 8, 16, 32})), Error);
}

TEST(I3dResNet, HeadHasThePublishedParametersAndCost) {
  I3dOptions options = i3d_options(published(MotionStage::res5));
  Size3 const clip = {8, 256, 256};
  double const body = i3d_macs(options, clip);
  options.num_classes = 400;
  I3dResNet const model(options);
  std::int64_t total = 0;
  for (auto const& parameter : model.parameters()) total += parameter.numel();
  EXPECT_EQ(total, 28'043'472);
  // 4 x 8 x 8 leave 1 x 2 x 2 places.
  EXPECT_EQ(i3d_macs(options, clip) - body, 4.0 * 2048 * 400);
  EXPECT_THROW(i3d_macs(options, {8, 192, 224}), Error);
}

TEST(PoolToGrid, IsTheMeanOfEachCell) {
  torch::manual_seed(1);
  at::Tensor const x = torch::randn({2, 3, 4, 5, 6});
  at::Tensor const y = pool_to_grid(x, 2, 3);
  ASSERT_EQ(y.sizes(), (std::vector<std::int64_t>{2, 4, 6, 3}));
  // Rows 0-2 and 2-4 (they overlap), columns in pairs.
  for (std::int64_t r = 0; r < 2; ++r)
    for (std::int64_t c = 0; c < 3; ++c)
      EXPECT_NEAR(y[1][2][r * 3 + c][0].item<double>(),
                  x[1][0][2]
                      .narrow(0, 2 * r, 3)
                      .narrow(1, 2 * c, 2)
                      .mean()
                      .item<double>(),
                  1e-6);
  at::Tensor const one = pool_to_grid(x, 1, 1);
  ASSERT_EQ(one.sizes(), (std::vector<std::int64_t>{2, 4, 1, 3}));
  EXPECT_TRUE(at::allclose(one.select(2, 0), x.mean({3, 4}).transpose(1, 2)));
}

TEST(PoolToGrid, IsTheLargestOfEachCell) {
  torch::manual_seed(1);
  at::Tensor const x = torch::randn({2, 3, 4, 5, 6});
  at::Tensor const y = pool_to_grid(x, 2, 3, I3dPool::max);
  ASSERT_EQ(y.sizes(), (std::vector<std::int64_t>{2, 4, 6, 3}));
  for (std::int64_t r = 0; r < 2; ++r)
    for (std::int64_t c = 0; c < 3; ++c)
      EXPECT_EQ(y[1][2][r * 3 + c][0].item<float>(), x[1][0][2]
                                                         .narrow(0, 2 * r, 3)
                                                         .narrow(1, 2 * c, 2)
                                                         .max()
                                                         .item<float>());
  at::Tensor const one = pool_to_grid(x, 1, 1, I3dPool::max);
  ASSERT_EQ(one.sizes(), (std::vector<std::int64_t>{2, 4, 1, 3}));
  EXPECT_TRUE(at::equal(one.select(2, 0), x.amax({3, 4}).transpose(1, 2)));
}

}  // namespace
}  // namespace gasm
