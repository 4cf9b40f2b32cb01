// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "command_line.hpp"
#include "gasm/data/bench_store.hpp"
#include "shared_work.hpp"

namespace gasm {

/// What stands on the command line of gasm bench store.
struct BenchWords {
  std::string store;   ///< empty: one is made
  std::string folder;  ///< where; empty: the system's for temporary files
  std::string make;    ///< only make one there
  std::string modes = "resident,exchange,stream,direct";
  std::int64_t num_samples = 4000;
  BenchStoreOptions options;
  bool as_json = false;
  double watchdog_s = default_watchdog_s;
};

void add_bench_options(CommandLine& line, BenchWords& words);

/// Checks the words and fills in options.modes. Throws a usage error that
/// names the option at fault.
void check_bench_words(BenchWords& words);

}  // namespace gasm
