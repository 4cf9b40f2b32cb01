// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "gasm/base/error.hpp"
#include "gasm/base/file.hpp"
#include "gasm/config/fusion_spec.hpp"
#include "gasm/config/load.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char const* example = R"(
run: {name: synsth-s, dir: runs, seed: 7}
data:
  source: clips
  train: data/synsth-s/train.h5
  val: data/synsth-s/val-iid.h5
  store: resident
  sampling: {kind: uniform, frames: 8, order: shuffled}
  augment: {flip: exclude, crop: shift, shift_px: 3, jitter: 0}
model:
  semantic:
    {preset: custom, resolution: [64, 96], frames: [2, 5], train: all,
     width: 48, depth: 2, heads: 3, patch: 8, registers: 1, ffn: mlp,
     ffn_hidden: 96, layer_scale: null, rope_periods: checkpoint_bf16}
  motion:
    {kind: custom, weights: w.safetensors, stage: res3, grid: [2, 3],
     input: centred, stem_width: 8, stem_kernel: [3, 5, 5],
     stem_stride: [1, 1, 1], stem_pool: none, widths: [16, 32],
     inner_widths: [4, 8], depths: [1, 2], temporal_kernels: [[3], [3, 1]],
     temporal_pool: none}
  fusion: {kind: cross, dim: 32, heads: 4, graph: {layers: 2, heads: 4}}
  num_classes: 6
optim: {lr: 2.0e-3, betas: [0.8, 0.99], schedule: constant}
train: {epochs: 2.5, steps: 40, stop_after: 7, global_batch: 32,
        micro_batch: 8, early_stop: {patience: 2}}
parallel: {backend: mpi, virtual_ranks: 4}
checkpoint: {resume: must}
log: {tensorboard: false}
)";

TEST(ParseConfig, ReadsEveryType) {
  auto const config = parse_config(example, "f.yaml");
  EXPECT_EQ(config.run.seed, 7u);
  EXPECT_EQ(config.data.train, "data/synsth-s/train.h5");
  EXPECT_EQ(config.data.sampling.order, FrameOrder::shuffled);
  EXPECT_EQ(config.data.augment.crop, CropKind::shift);
  EXPECT_EQ(config.model.semantic.resolution, (Resolution{64, 96}));
  EXPECT_THAT(config.model.semantic.frames, ElementsAre(2, 5));
  EXPECT_EQ(config.model.semantic.layer_scale, std::nullopt);
  EXPECT_EQ(config.model.motion.weights, "w.safetensors");
  EXPECT_THAT(config.model.motion.grid, ElementsAre(2, 3));
  EXPECT_THAT(config.model.motion.temporal_kernels,
              ElementsAre(ElementsAre(3), ElementsAre(3, 1)));
  EXPECT_EQ(config.model.num_classes, 6);
  EXPECT_EQ(config.optim.betas[1], 0.99);
  EXPECT_EQ(config.train.epochs, 2.5);
  EXPECT_EQ(config.train.steps, 40);
  EXPECT_EQ(config.train.stop_after, 7);
  EXPECT_EQ(config.checkpoint.resume, "must");
  EXPECT_FALSE(config.log.tensorboard);
}

TEST(ParseConfig, AbsentKeysKeepTheirDefaults) {
  auto const config = parse_config("run: {seed: 3}", "f.yaml");
  EXPECT_EQ(config.run.name, "run");
  EXPECT_EQ(config.train.global_batch, 64);
  EXPECT_EQ(config.train.steps, std::nullopt);
  EXPECT_EQ(config.model.fusion.kind, FusionKind::bcast);
  EXPECT_EQ(config.model.fusion.graph.semantic_topk, 8);
}

TEST(ParseConfig, AnchorsOfValuesWork) {
  auto const config =
      parse_config("train: {global_batch: &b 24, micro_batch: *b}", "f.yaml");
  EXPECT_EQ(config.train.micro_batch, 24);
}

TEST(ParseConfig, PresetsGiveTheirSizes) {
  struct Case {
    std::string preset;
    int width, depth, heads, hidden;
    FfnKind ffn;
  };
  // The published model card's table.
  std::vector<Case> const cases = {
      {"vits16", 384, 12, 6, 1536, FfnKind::mlp},
      {"vits16plus", 384, 12, 6, 1536, FfnKind::swiglu},
      {"vitb16", 768, 12, 12, 3072, FfnKind::mlp},
      {"vitl16", 1024, 24, 16, 4096, FfnKind::mlp}};
  for (auto const& c : cases) {
    auto const config =
        parse_config("model: {semantic: {preset: " + c.preset + "}}", "f.yaml");
    auto const& semantic = config.model.semantic;
    EXPECT_EQ(semantic.width, c.width) << c.preset;
    EXPECT_EQ(semantic.depth, c.depth) << c.preset;
    EXPECT_EQ(semantic.heads, c.heads) << c.preset;
    EXPECT_EQ(semantic.ffn_hidden, c.hidden) << c.preset;
    EXPECT_EQ(semantic.ffn, c.ffn) << c.preset;
    EXPECT_EQ(semantic.patch, 16) << c.preset;
  }
}

TEST(ParseConfig, PresetMayBeOverridden) {
  std::vector<std::string> const overrides = {"model.semantic.preset=vitb16"};
  auto const config =
      parse_config("model: {semantic: {preset: vits16}}", "f.yaml", overrides);
  EXPECT_EQ(config.model.semantic.width, 768);
}

TEST(ParseConfig, SizesThatContradictThePresetAreRefused) {
  auto const says = [](std::string const& text) -> std::string {
    try {
      parse_config(text, "f.yaml");
    } catch (Error const& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(says("model:\n  semantic:\n    preset: vitb16\n    width: 192\n"),
            "f.yaml:4:5: model.semantic.width is 192, but preset: vitb16 has "
            "768. Try preset: custom, or remove the key.");
  EXPECT_EQ(says("model: {motion: {depths: [1, 1, 1, 1]}}"),
            "f.yaml:1:18: model.motion.depths is [1, 1, 1, 1], but kind: "
            "i3d_r50 has [3, 4, 6, 3]. Try kind: custom, or remove the key.");
  EXPECT_EQ(says("model: {semantic: {preset: vitb16, width: 768}}"), "");
}

TEST(Overrides, ApplyInOrder) {
  std::vector<std::string> const overrides = {
      "optim.lr=0.5",
      "model.semantic.frames=[1, 3]",
      "optim.lr=0.25",
      "data.train=/a path/x=y.h5",
      "model.fusion={kind: late, dropout: 0.5}",
      "train.steps=9",
      "train.steps=null",
      "model.num_classes=5"};
  auto const config =
      parse_config("optim: {lr: 1.0, eps: 1.0e-6}", "f.yaml", overrides);
  EXPECT_EQ(config.optim.lr, 0.25);
  EXPECT_EQ(config.optim.eps, 1e-6);
  EXPECT_THAT(config.model.semantic.frames, ElementsAre(1, 3));
  EXPECT_EQ(config.data.train, "/a path/x=y.h5");
  EXPECT_EQ(config.model.fusion.kind, FusionKind::late);
  EXPECT_EQ(config.model.fusion.dropout, 0.5);
  EXPECT_EQ(config.model.fusion.dim, 256);
  EXPECT_EQ(config.train.steps, std::nullopt);
  EXPECT_EQ(config.model.num_classes, 5);
}

TEST(LoadConfig, ReadsAFile) {
  TempFolder const folder;
  ASSERT_TRUE(publish_file(folder / "run.yaml", example));
  auto const config = load_config(folder / "run.yaml");
  EXPECT_EQ(digest(config), digest(parse_config(example, "other name")));
}

TEST(ModelFile, HoldsTheModelSectionAlone) {
  auto const model =
      parse_model_config("model: {fusion: {kind: late}}", "m.yaml");
  EXPECT_EQ(model.fusion.kind, FusionKind::late);
  EXPECT_EQ(to_yaml(parse_model_config(to_yaml(model), "again")),
            to_yaml(model));
  EXPECT_THROW(parse_model_config("train: {epochs: 1}", "m.yaml"), Error);
  EXPECT_THROW(parse_model_config("modle: {fusion: {kind: late}}", "m.yaml"),
               Error);
}

TEST(ModelFile, MayBeAWholeRunConfiguration) {
  auto run = parse_config(example, "run.yaml");
  EXPECT_EQ(to_yaml(parse_model_config(to_yaml(run), "config.yaml")),
            to_yaml(run.model));
  std::array<std::string, 2> const overrides = {"model.num_classes=7",
                                                "run.seed=1"};
  run.model.num_classes = 7;
  EXPECT_EQ(to_yaml(parse_model_config(to_yaml(run), "config.yaml", overrides)),
            to_yaml(run.model));
}

TEST(FusionSpecFile, TakesOverrides) {
  std::array<std::string, 1> const overrides = {"num_classes=7"};
  EXPECT_EQ(
      parse_fusion_spec("num_classes: 3", "model.json", overrides).num_classes,
      7);
}

}  // namespace
}  // namespace gasm
