// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "gasm/record/alerts.hpp"

namespace gasm {

/// What is started when there is an alert.
struct AlertCommandOptions {
  std::string command = {};  ///< for /bin/sh -c; empty: nothing is started
  double limit_s = 30;       ///< after which it is killed, with its children
  std::filesystem::path run_folder = {};
  std::filesystem::path log = {};  ///< what it prints is appended here
};

/// Starts a command for alerts, detached: in a session of its own, without
/// this process's files, its signal handlers and the launcher's variables, so
/// that it neither disturbs nor outlives by more than its limit. A thread of
/// its own starts it and tells the log of one that failed or was killed;
/// nothing here ever waits for it, but for the destructor (2 s).
///
/// Its environment has GASM_ALERT_KIND, GASM_ALERT_STEP, GASM_ALERT_TEXT and
/// GASM_RUN_FOLDER.
class AlertCommand {
 public:
  explicit AlertCommand(AlertCommandOptions options);
  /// Starts what is waiting to be started, and waits a little for the last
  /// ones, to tell how they ended. What runs on is still killed at its limit.
  ~AlertCommand();
  AlertCommand(AlertCommand const&) = delete;
  AlertCommand& operator=(AlertCommand const&) = delete;

  /// Returns at once.
  void start(Alert const& alert);

 private:
  class Runner;
  std::unique_ptr<Runner> runner_;  // none without a command
};

}  // namespace gasm
