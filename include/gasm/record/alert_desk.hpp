// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "gasm/base/result.hpp"
#include "gasm/record/alert_command.hpp"
#include "gasm/record/alerts.hpp"

namespace gasm {

/// Where alerts go: alerts.jsonl, the log, the command. Thread-safe.
///
/// Judgements (those of AlertJudge but for non_finite, and of RunWatch) go to
/// the log as well, and one of a kind within the cooldown is dropped. All
/// other kinds, such as non_finite and bad_sample, are written, for they are
/// the record of what happened, and whoever met them has told the log. The
/// command is started at most once for a kind within the cooldown.
class AlertDesk {
 public:
  AlertDesk(std::filesystem::path file, double cooldown_s,
            AlertCommandOptions command)
      : file_(std::move(file)),
        cooldown_s_(cooldown_s),
        command_(std::move(command)) {}

  /// An error if the file cannot be written; the rest is done all the same.
  Result<void> raise(Alert alert);

 private:
  /// Whether the kind is due again; if so, it counts as raised now.
  bool is_due(std::string const& kind);

  std::filesystem::path file_;
  double cooldown_s_;
  AlertCommand command_;
  std::mutex mutex_;
  std::map<std::string, double> raised_s_;  // monotonic, under mutex_
};

}  // namespace gasm
