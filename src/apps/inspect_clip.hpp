// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gasm/base/exit_code.hpp"
#include "gasm/config/data_config.hpp"

namespace gasm {

/// The options of gasm data inspect.
struct InspectWords {
  std::string store;
  std::optional<std::string> id;
  std::optional<std::int64_t> index;
  std::string output;
  SamplingConfig sampling;
  std::string kind = "segment";
  std::string mode = "train";
  std::uint64_t seed = 0;
  std::int64_t epoch = 0;
  int short_side_px = 0;
  int num_columns = 0;
};

/// Prints the clip's record and frame numbers and writes the picture.
ExitCode inspect_clip(InspectWords words);

}  // namespace gasm
