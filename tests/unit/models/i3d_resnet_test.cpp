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

}  // namespace
}  // namespace gasm
