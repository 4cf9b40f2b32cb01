// SPDX-License-Identifier: Apache-2.0
// Every checked-in configuration loads, can train, and prints to itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "gasm/config/load.hpp"

namespace gasm {
namespace {

std::vector<std::string> config_files() {
  std::vector<std::string> paths;
  for (auto const& entry :
       std::filesystem::recursive_directory_iterator(GASM_CONFIGS_DIR))
    if (entry.path().extension() == ".yaml") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

TEST(Configs, ThereAreSome) { EXPECT_FALSE(config_files().empty()); }

TEST(Configs, EveryOneLoadsAndCanTrain) {
  for (auto const& path : config_files()) {
    SCOPED_TRACE(path);
    EXPECT_NO_THROW(validate_for_training(load_config(path), path));
  }
}

TEST(Configs, EveryOnePrintsToItself) {
  for (auto const& path : config_files()) {
    SCOPED_TRACE(path);
    auto const config = load_config(path);
    auto const again = parse_config(to_yaml(config), "printed");
    EXPECT_EQ(to_yaml(again), to_yaml(config));
    EXPECT_EQ(digest(again), digest(config));
  }
}

TEST(Configs, RunsAreNamedAfterTheirFiles) {
  for (auto const& path : config_files())
    EXPECT_EQ(load_config(path).run.name,
              std::filesystem::path(path).stem().string());
}

using Paths = std::map<std::string, std::string>;

Paths paths_of(std::filesystem::path const& path) {
  auto const list = list_values(load_config(path));
  return {list.begin(), list.end()};
}

/// What each ablation of configs/gasm-cast.yaml changes, but its name.
std::map<std::string, Paths> const ablations = {
    {"cross", {{"model.fusion.kind", "cross"}, {"model.fusion.dim", "512"}}},
    {"concat", {{"model.fusion.kind", "concat"}}},
    {"late", {{"model.fusion.kind", "late"}}},
    {"semantic", {{"model.fusion.kind", "semantic"}}},
    {"motion", {{"model.fusion.kind", "motion"}}},
    {"heads-4",
     {{"model.fusion.heads", "4"}, {"model.fusion.graph.heads", "4"}}},
    {"heads-16",
     {{"model.fusion.heads", "16"}, {"model.fusion.graph.heads", "16"}}},
    {"no-graph", {{"model.fusion.graph.layers", "0"}}},
    {"graph-structural",
     {{"model.fusion.graph.semantic_topk", "0"},
      {"model.fusion.graph.motion_topk", "0"}}},
    {"graph-frozen", {{"model.fusion.graph.edges", "frozen"}}},
    {"graph-gather", {{"model.fusion.graph.attention", "gather"}}},
    {"pool-attention", {{"model.fusion.pool", "attention"}}},
    {"pool-time-concat", {{"model.fusion.pool", "time_concat"}}},
    {"batchnorm", {{"model.fusion.standardise", "batchnorm"}}}};

TEST(Configs, AblationsChangeWhatTheirNamesSay) {
  std::filesystem::path const folder = GASM_CONFIGS_DIR;
  auto const base = paths_of(folder / "gasm-cast.yaml");
  for (auto const& [name, changes] : ablations) {
    SCOPED_TRACE(name);
    auto wanted = base;
    wanted["run.name"] = "gasm-cast-" + name;
    for (auto const& [path, value] : changes) {
      ASSERT_NE(base.at(path), value);
      wanted[path] = value;
    }
    EXPECT_EQ(paths_of(folder / "ablations" / ("gasm-cast-" + name + ".yaml")),
              wanted);
  }
}

struct Pair {
  SemanticKind semantic;
  VitPreset preset;
  MotionKind motion = MotionKind::i3d_r50;
  MotionStage stage = MotionStage::res3;
  VitPreset motion_preset = VitPreset::vitb16;
};

/// The backbones of those that change backbones.
std::map<std::string, Pair> const pairs = {
    {"dinov3-s16", {SemanticKind::dinov3, VitPreset::vits16}},
    {"dinov3-s16plus", {SemanticKind::dinov3, VitPreset::vits16plus}},
    {"dinov3-b16", {SemanticKind::dinov3, VitPreset::vitb16}},
    {"dinov3-l16", {SemanticKind::dinov3, VitPreset::vitl16}},
    {"dinov2-s14", {SemanticKind::dinov2, VitPreset::vits14}},
    {"dinov2-b14reg", {SemanticKind::dinov2, VitPreset::vitb14reg}},
    {"dinov2-l14", {SemanticKind::dinov2, VitPreset::vitl14}},
    {"clip-b16", {SemanticKind::clip, VitPreset::vitb16}},
    {"dinov3-b16-i3d-res5",
     {SemanticKind::dinov3, VitPreset::vitb16, MotionKind::i3d_r50,
      MotionStage::res5}},
    {"dinov3-b16-videomae-s16",
     {SemanticKind::dinov3, VitPreset::vitb16, MotionKind::videomae,
      MotionStage::res3, VitPreset::vits16}},
    {"dinov3-b16-videomae-b16",
     {SemanticKind::dinov3, VitPreset::vitb16, MotionKind::videomae}},
    {"dinov3-b16-vjepa2-l16",
     {SemanticKind::dinov3, VitPreset::vitb16, MotionKind::vjepa2,
      MotionStage::res3, VitPreset::vitl16}}};

TEST(Configs, PairsOfBackbonesChangeNothingElse) {
  std::filesystem::path const folder = GASM_CONFIGS_DIR;
  auto const base = paths_of(folder / "gasm-cast.yaml");
  for (auto const& [name, pair] : pairs) {
    SCOPED_TRACE(name);
    auto const path = folder / "ablations" / ("gasm-cast-" + name + ".yaml");
    auto const found = paths_of(path);
    ASSERT_EQ(found.size(), base.size());
    for (auto const& [key, value] : found) {
      if (key == "run.name" || key.starts_with("model.semantic.") ||
          key.starts_with("model.motion."))
        continue;
      EXPECT_EQ(value, base.at(key)) << key;
    }
    auto const model = load_config(path.string()).model;
    EXPECT_EQ(model.semantic.kind, pair.semantic);
    EXPECT_EQ(model.semantic.preset, pair.preset);
    EXPECT_EQ(model.motion.kind, pair.motion);
    EXPECT_EQ(model.motion.stage, pair.stage);
    EXPECT_EQ(model.motion.vit.preset, pair.motion_preset);
    EXPECT_TRUE(model.semantic.weights && model.motion.weights);
    // As many tokens as in the base.
    EXPECT_EQ(model.semantic.resolution.height / model.semantic.patch, 14);
    EXPECT_EQ(model.semantic.resolution.width / model.semantic.patch, 14);
    EXPECT_EQ(model.semantic.frames, std::vector{8});
    EXPECT_EQ(model.motion.grid, (std::array{1, 1}));
    if (is_vit(pair.motion)) {
      EXPECT_EQ(model.motion.vit.tubelet, 2);
    }
  }
}

TEST(Configs, EveryAblationOfGasmCastIsListed) {
  for (auto const& path : config_files()) {
    auto const stem = std::filesystem::path(path).stem().string();
    std::string const prefix = "gasm-cast-";
    if (stem.starts_with(prefix)) {
      auto const name = stem.substr(prefix.size());
      EXPECT_TRUE(ablations.contains(name) || pairs.contains(name)) << path;
    }
  }
}

// The controls that jobs/demo.sh trains beside the main run.
TEST(Configs, ControlsOfTheDemoAreValid) {
  std::vector<std::vector<std::string>> const controls = {
      {"model.fusion.kind=motion"},
      {"model.fusion.kind=semantic", "data.sampling.order=shuffled"}};
  for (auto const* name : {"synsth-s", "synsth-m"})
    for (auto const& overrides : controls)
      EXPECT_NO_THROW(load_config(
          std::string(GASM_CONFIGS_DIR "/") + name + ".yaml", overrides));
}

}  // namespace
}  // namespace gasm
