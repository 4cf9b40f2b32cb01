// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "gasm/base/result.hpp"

namespace gasm {

/// Where a run keeps its files. A value: it owns no file and locks nothing.
///
///     DIR/NAME/config.yaml        the resolved configuration
///             /manifest.json      what ran, where, on what (manifest.hpp)
///             /metrics.jsonl      the curve (metrics.hpp)
///             /events.out.tfevents.*   the same for TensorBoard
///             /alerts.jsonl       what somebody should look at (alerts.hpp)
///             /checkpoints/  /eval/  /logs/rank-R.log
///             /lock               held by the job that writes here
class RunFolder {
 public:
  /// Names the folder; touches no disk.
  explicit RunFolder(std::filesystem::path root) : root_(std::move(root)) {}

  /// Creates the folder with checkpoints/, eval/ and logs/ where they are not
  /// there yet, and proves that it can be written to.
  static Result<RunFolder> create(std::filesystem::path const& root);

  /// Removes what killed jobs had begun to write in the folder itself and not
  /// published (checkpoints clear up after themselves). For the job that holds
  /// the lock: those of others may still be under way.
  void remove_leftovers() const;

  std::filesystem::path const& root() const { return root_; }
  std::filesystem::path config() const { return root_ / "config.yaml"; }
  std::filesystem::path manifest() const { return root_ / "manifest.json"; }
  std::filesystem::path metrics() const { return root_ / "metrics.jsonl"; }
  std::filesystem::path alerts() const { return root_ / "alerts.jsonl"; }
  /// What alerts.command prints.
  std::filesystem::path alert_command_log() const {
    return root_ / "logs" / "alert-command.log";
  }
  std::filesystem::path checkpoints() const { return root_ / "checkpoints"; }
  std::filesystem::path eval() const { return root_ / "eval"; }
  std::filesystem::path log_of_rank(int rank) const;

 private:
  std::filesystem::path root_;
};

}  // namespace gasm
