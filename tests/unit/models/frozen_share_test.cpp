// SPDX-License-Identifier: Apache-2.0
// Every checked-in configuration says how much of its model is frozen.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "gasm/config/load.hpp"
#include "gasm/models/model_summary.hpp"
#include "gasm/models/recogniser.hpp"

namespace gasm {
namespace {

/// What the aims are, from the parameters themselves.
std::string line_for(torch::nn::Module const& model) {
  std::int64_t all = 0, learning = 0;
  for (at::Tensor const& parameter : model.parameters()) {
    all += parameter.numel();
    if (parameter.requires_grad()) learning += parameter.numel();
  }
  double const frozen_percent =
      100.0 - 100.0 * static_cast<double>(learning) / static_cast<double>(all);
  return fmt::format(
      "{:.2f} % frozen (at least 85 %: {}), {:.2f} M trainable (fewer than 20 "
      "M: {})\n",
      frozen_percent, frozen_percent >= 85.0 ? "yes" : "no",
      static_cast<double>(learning) * 1e-6,
      learning < 20'000'000 ? "yes" : "no");
}

TEST(FrozenShare, IsToldOfEveryConfiguration) {
  int num_configs = 0;
  for (auto const& entry :
       std::filesystem::recursive_directory_iterator(GASM_CONFIGS_DIR)) {
    if (entry.path().extension() != ".yaml") continue;
    SCOPED_TRACE(entry.path());
    auto const config = load_config(entry.path().string());
    auto const model =
        build_recogniser(config.model, config.data.sampling.frames, 174);
    auto const text = summary_text(describe(*model));
    EXPECT_THAT(text, testing::EndsWith(line_for(*model)));
    ++num_configs;
    std::printf("%-40s %s", entry.path().stem().c_str(),
                line_for(*model).c_str());
  }
  EXPECT_GT(num_configs, 30);
}

}  // namespace
}  // namespace gasm
