// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gasm/record/manifest.hpp"

namespace gasm {

/// How it stands with a run: what its manifest says, held against whether
/// anybody holds its lock.
enum class RunCondition {
  starting,  ///< locked, and the manifest is an earlier job's or not there yet
  running,
  stopped,
  failed,
  done,
  dead,     ///< the manifest says running, and nobody holds the lock
  damaged,  ///< the folder cannot be read
};

/// The word of a condition, as people and --json see it.
std::string to_string(RunCondition condition);

/// A run folder at one moment.
struct RunStatus {
  std::filesystem::path path;
  RunCondition condition = RunCondition::damaged;
  std::string problem;               ///< why it failed, stopped, is damaged
  std::optional<Manifest> manifest;  ///< none: not there yet, or damaged
  std::int64_t step = 0;             ///< of the last line of the curve
  std::optional<double> best_top1;   ///< of the validations
  std::optional<std::int64_t> newest_checkpoint;  ///< its step
  /// Seconds since the last sign of life (a line of the curve, the manifest,
  /// the lock); never negative, whatever clocks do.
  double age_s = 0.0;
};

/// Reads a run folder. Never fails: what cannot be read is the condition.
RunStatus read_run_status(std::filesystem::path const& folder);

/// Whether the folder is that of a run: it has one of the files that a run
/// begins with.
bool is_run_folder(std::filesystem::path const& folder);

/// `folder` if it is a run's, else the run folders below it, by name. An error
/// if it cannot be read.
Result<std::vector<std::filesystem::path>> find_run_folders(
    std::filesystem::path const& folder);

/// The largest N of checkpoints/step-N that has a manifest; none without one.
std::optional<std::int64_t> newest_checkpoint(
    std::filesystem::path const& checkpoints);

}  // namespace gasm
