// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "command_line.hpp"
#include "gasm/extract/check_features.hpp"
#include "gasm/extract/extract.hpp"
#include "run_options.hpp"
#include "shared_work.hpp"

namespace gasm {

/// What gasm extract was asked for.
struct ExtractWords {
  ConfigOptions config;
  std::string clips;
  std::string output;
  std::optional<int> views;
  std::string dtype = "fp16";
  int batch = 8;
  bool restart = false;
  std::optional<std::int64_t> check;
  double tolerance = 2e-3;
  double watchdog_s = default_watchdog_s;
};

void add_extract_options(CommandLine& line, ExtractWords& words);

/// Throws a usage error for a value out of range.
ExtractOptions extract_options(ExtractWords const& words);
void check_tolerance(ExtractWords const& words);

/// What the command prints.
std::string extract_text(ExtractSummary const& summary,
                         std::string const& output);
std::string join_text(ExtractSummary const& summary, std::string const& output);
std::string check_text(FeatureCheck const& check, std::string const& output);

}  // namespace gasm
