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

TEST(Configs, EveryAblationOfGasmCastIsListed) {
  for (auto const& path : config_files()) {
    auto const stem = std::filesystem::path(path).stem().string();
    std::string const prefix = "gasm-cast-";
    if (stem.starts_with(prefix)) {
      EXPECT_TRUE(ablations.contains(stem.substr(prefix.size()))) << path;
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
