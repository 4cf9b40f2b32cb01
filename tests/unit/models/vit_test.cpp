// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/vit.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "gasm/base/error.hpp"
#include "gasm/models/model_summary.hpp"
#include "gasm/models/vit_positions.hpp"

namespace gasm {
namespace {

VitOptions tiny() {
  VitOptions options;
  options.width = 16;
  options.depth = 2;
  options.heads = 2;
  options.ffn_width = 24;
  options.patch_px = 4;
  options.registers = 3;
  return options;
}

SemanticConfig published(VitPreset preset) {
  SemanticConfig config;
  config.preset = preset;
  return config;
}

TEST(RopeTable, IsTheAngleOfEachCentreAndPeriod) {
  VitOptions options = tiny();  // head width 8: two periods, 1 and 10
  RopeTable const table = make_rope_table(options, {1, 3, 2});
  ASSERT_EQ(table.cos.sizes(), (std::vector<std::int64_t>{6, 8}));
  double const period[] = {1.0, 10.0};
  for (std::int64_t y = 0; y < 3; ++y)
    for (std::int64_t x = 0; x < 2; ++x)
      for (std::int64_t c = 0; c < 8; ++c) {
        double const centre = c % 4 < 2 ? 2.0 * (double(y) + 0.5) / 3.0 - 1.0
                                        : 2.0 * (double(x) + 0.5) / 2.0 - 1.0;
        double const angle = 2.0 * std::numbers::pi * centre / period[c % 2];
        EXPECT_NEAR(table.cos[y * 2 + x][c].item<double>(), std::cos(angle),
                    1e-5);
        EXPECT_NEAR(table.sin[y * 2 + x][c].item<double>(), std::sin(angle),
                    1e-5);
      }
}

TEST(RopeTable, CheckpointPeriodsAreRoundedToBfloat16) {
  VitOptions options;
  options.rules.periods = RopePeriods::checkpoint_bf16;
  // Period 1 of 16 is 100^(1/16) = 1.33352, in bfloat16 1.3359375. A column
  // of 14 patches ends at centre 13/14.
  RopeTable const table = make_rope_table(options, {1, 1, 14});
  double const angle = 2.0 * std::numbers::pi * (13.0 / 14.0) / 1.3359375;
  EXPECT_NEAR(table.sin[13][16 + 1].item<double>(), std::sin(angle), 1e-5);
  options.rules.periods = RopePeriods::fp32;
  EXPECT_GT(
      std::abs(
          make_rope_table(options, {1, 1, 14}).sin[13][16 + 1].item<double>() -
          std::sin(angle)),
      1e-4);
}

TEST(RotatePatches, TurnsPairsAndLeavesThePrefixAlone) {
  torch::manual_seed(1);
  VitOptions const options = tiny();
  RopeTable const table = make_rope_table(options, {1, 2, 2});
  at::Tensor const x = torch::randn({1, 2, 4 + 4, 8});
  at::Tensor const y = rotate_patches(x, table);
  EXPECT_TRUE(at::equal(y.narrow(2, 0, 4), x.narrow(2, 0, 4)));
  for (std::int64_t h = 0; h < 2; ++h)
    for (std::int64_t t = 0; t < 4; ++t)
      for (std::int64_t c = 0; c < 4; ++c) {
        // Channels c and c + 4 are a point in the plane, turned by the angle.
        double const a = x[0][h][4 + t][c].item<double>();
        double const b = x[0][h][4 + t][c + 4].item<double>();
        double const cos = table.cos[t][c].item<double>();
        double const sin = table.sin[t][c].item<double>();
        EXPECT_NEAR(y[0][h][4 + t][c].item<double>(), a * cos - b * sin, 1e-5);
        EXPECT_NEAR(y[0][h][4 + t][c + 4].item<double>(), b * cos + a * sin,
                    1e-5);
      }
}

TEST(Vit, CutsTheImageToWholePatches) {
  torch::manual_seed(1);
  Vit model(tiny());
  model.eval();
  at::Tensor const image = torch::randn({2, 3, 15, 10});
  VitTokens const tokens = model.forward(image);
  EXPECT_EQ(tokens.patches.sizes(), (std::vector<std::int64_t>{2, 6, 16}));
  EXPECT_EQ(tokens.registers.sizes(), (std::vector<std::int64_t>{2, 3, 16}));
  EXPECT_EQ(tokens.cls.sizes(), (std::vector<std::int64_t>{2, 16}));
  VitTokens const cut = model.forward(image.narrow(2, 0, 12).narrow(3, 0, 8));
  EXPECT_TRUE(at::allclose(tokens.patches, cut.patches, 1e-5, 1e-6));
  EXPECT_THROW(model.forward(torch::randn({2, 3, 3, 8})), Error);
  EXPECT_THROW(model.forward(torch::randn({2, 1, 8, 8})), Error);
}

TEST(Vit, TokensAreNormed) {
  Vit model(tiny());
  at::Tensor const patches = model.forward(torch::randn({1, 3, 8, 8})).patches;
  EXPECT_TRUE(at::allclose(patches.mean(-1), at::zeros({1, 4}), 0, 1e-5));
  EXPECT_TRUE(
      at::allclose(patches.square().mean(-1), at::ones({1, 4}), 1e-2, 1e-2));
}

TEST(Vit, GradientReachesEveryParameter) {
  torch::manual_seed(1);
  for (FfnKind const ffn : {FfnKind::mlp, FfnKind::swiglu}) {
    VitOptions options = tiny();
    options.ffn = ffn;
    options.layer_scale = 0.5;
    Vit model(options);
    // The sum of squares of a normed token is constant: weigh the channels.
    (model.forward(torch::randn({2, 3, 8, 8})).patches * torch::randn({16}))
        .sum()
        .backward();
    for (auto const& parameter : model.named_parameters()) {
      ASSERT_TRUE(parameter.value().grad().defined()) << parameter.key();
      EXPECT_GT(parameter.value().grad().abs().sum().item<float>(), 0.0F)
          << parameter.key();
    }
  }
}

TEST(Vit, RefusesHeadsThatDoNotFit) {
  VitOptions options = tiny();
  options.heads = 8;  // heads of width 2
  EXPECT_THROW(Vit{options}, Error);
  options.heads = 3;
  EXPECT_THROW(Vit{options}, Error);
}

std::int64_t num_parameters(VitOptions const& options) {
  Vit const model(options);
  std::int64_t total = 0;
  for (auto const& parameter : model.parameters()) total += parameter.numel();
  return total;
}

VitOptions preset_of(BackboneKind kind, VitPreset preset) {
  BackboneConfig config;
  config.kind = kind;
  config.preset = preset;
  return vit_options(config);
}

// As published, without the mask token that DINOv2 files hold, and CLIP's
// projection.
TEST(Vit, OtherFamiliesHaveTheirPublishedSizes) {
  using enum BackboneKind;
  auto const with_grid = [](VitOptions options, std::int64_t side) {
    options.learned_grid = {side, side};
    return num_parameters(options);
  };
  EXPECT_EQ(with_grid(preset_of(dinov2, VitPreset::vits14), 37) + 384,
            22'056'576);
  EXPECT_EQ(with_grid(preset_of(dinov2, VitPreset::vits14reg), 37) + 384,
            22'058'112);
  EXPECT_EQ(with_grid(preset_of(dinov2, VitPreset::vitb14), 37) + 768,
            86'580'480);
  EXPECT_EQ(with_grid(preset_of(dinov2, VitPreset::vitb14reg), 37) + 768,
            86'583'552);
  EXPECT_EQ(with_grid(preset_of(clip, VitPreset::vitb16), 14) + 768 * 512,
            86'192'640);
}

TEST(Vit, ReadsClipsInTubelets) {
  torch::manual_seed(1);
  BackboneConfig config;
  config.kind = BackboneKind::videomae;
  config.dim = 24;
  config.depth = 2;
  config.heads = 2;
  config.patch = 4;
  Vit model(vit_options(config));
  model.eval();
  at::Tensor const clip = torch::randn({2, 3, 5, 9, 8});
  VitTokens const tokens = model.forward(clip);
  EXPECT_FALSE(tokens.cls.defined());
  EXPECT_EQ(tokens.registers.size(1), 0);
  EXPECT_EQ(tokens.patches.sizes(), (std::vector<std::int64_t>{2, 8, 24}));
  VitTokens const cut = model.forward(clip.narrow(2, 0, 4).narrow(3, 0, 8));
  EXPECT_TRUE(at::allclose(tokens.patches, cut.patches, 1e-5, 1e-6));
  EXPECT_THROW(model.forward(clip.narrow(2, 0, 1)), Error);
  EXPECT_THROW(model.forward(clip.select(2, 0)), Error);
}

struct Published {
  VitPreset preset;
  std::int64_t parameters;  ///< as published: also a mask token and k biases
  std::int64_t width;
  double gmacs;  ///< of 224 px: 201 tokens
};

TEST(Vit, SizesAreThePublishedOnes) {
  for (Published const& p :
       {Published{VitPreset::vits16, 21'601'152, 384, 4.70},
        Published{VitPreset::vits16plus, 28'697'472, 384, 6.12},
        Published{VitPreset::vitb16, 85'669'632, 768, 17.93}}) {
    VitOptions const options = vit_options(published(p.preset));
    EXPECT_EQ(options.width, p.width);
    Vit const model(options);
    std::int64_t total = 0;
    for (auto const& parameter : model.parameters()) total += parameter.numel();
    EXPECT_EQ(total + options.width + options.depth * options.width,
              p.parameters);
    EXPECT_NEAR(vit_macs(options, 224, 224) * 1e-9, p.gmacs, 0.006);
  }
}

}  // namespace
}  // namespace gasm
