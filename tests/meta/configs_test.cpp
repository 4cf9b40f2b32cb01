// SPDX-License-Identifier: Apache-2.0
// Every checked-in configuration loads, can train, and prints to itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
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
