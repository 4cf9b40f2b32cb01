// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gasm/record/alerts.hpp"
#include "gasm/record/metrics.hpp"
#include "gasm/record/run_status.hpp"
#include "terminal.hpp"

namespace gasm {

/// What one frame of gasm watch shows.
struct WatchedRun {
  RunStatus status;
  std::vector<MetricsLine> const& lines;
  std::vector<Alert> alerts;
  std::int64_t num_damaged = 0;  ///< lines of the curve that are none
};

/// The frame as lines, at most `size.rows` of at most `size.columns`
/// characters: state and progress, where a step's time goes, loss and top-1,
/// the last alerts. Plots fill what the rest leaves.
std::vector<std::string> watch_frame(WatchedRun const& run, TerminalSize size,
                                     bool has_colours);

/// Seconds until the last step, by how long the steps of the last lines took,
/// pauses included; none if that cannot be said.
std::optional<double> seconds_left(std::vector<MetricsLine> const& lines,
                                   std::int64_t total_steps);

}  // namespace gasm
