// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/alert_command.hpp"

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "detached_process.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/base/log.hpp"

namespace gasm {

using record_detail::DetachedProcess;

/// Commands that wait to be started, those that run, and the thread.
class AlertCommand::Runner {
 public:
  explicit Runner(AlertCommandOptions options)
      : options_(std::move(options)),
        thread_([this](std::stop_token const& stop) { work(stop); }) {}

  void add(Alert const& alert) {
    {
      std::lock_guard const lock(mutex_);
      waiting_.push_back(alert);
    }
    wake_.notify_one();
  }

 private:
  struct Running {
    DetachedProcess process;
    std::string kind;
  };

  void work(std::stop_token const& stop) {
    while (!stop.stop_requested()) {
      start_all();
      look_after();
      std::unique_lock lock(mutex_);
      auto const has_work = [&] { return !waiting_.empty(); };
      if (running_.empty())
        wake_.wait(lock, stop, has_work);
      else
        wake_.wait_for(lock, stop, kPeriod, has_work);
    }
    start_all();
    double const end_s = monotonic_s() + kLastPatience_s;
    for (look_after(); !running_.empty() && monotonic_s() < end_s; look_after())
      std::this_thread::sleep_for(kPeriod);
  }

  void start_all() {
    std::deque<Alert> alerts;
    {
      std::lock_guard const lock(mutex_);
      alerts.swap(waiting_);
    }
    for (auto const& alert : alerts) start(alert);
  }

  void start(Alert const& alert) {
    // timeout(1) kills it even if this process is gone by then.
    auto process = DetachedProcess::start(
        {"timeout", "-s", "KILL", fmt::format("{}", options_.limit_s),
         "/bin/sh", "-c", options_.command},
        {{"GASM_ALERT_KIND", alert.kind},
         {"GASM_ALERT_STEP", std::to_string(alert.step)},
         {"GASM_ALERT_TEXT", alert.text},
         {"GASM_RUN_FOLDER", options_.run_folder.string()}},
        options_.log);
    if (process)
      running_.push_back({*process, alert.kind});
    else
      log_warn("alerts.command could not be started for {} ({})", alert.kind,
               process.error().what());
  }

  void look_after() {
    std::erase_if(running_, [&](Running& one) {
      auto const end = one.process.poll();
      if (!end) return false;
      if (end->is_killed)
        log_warn(
            "alerts.command was killed (kind {}; it took longer than {} s)",
            one.kind, options_.limit_s);
      else if (end->code != 0)
        log_warn("alerts.command failed (kind {}, exit code {}). See {}",
                 one.kind, end->code, options_.log.string());
      return true;
    });
  }

  static constexpr auto kPeriod = std::chrono::milliseconds(50);
  static constexpr double kLastPatience_s = 2.0;

  AlertCommandOptions options_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Alert> waiting_;     // under mutex_
  std::vector<Running> running_;  // the thread's
  std::jthread thread_;           // last: it uses the others
};

AlertCommand::AlertCommand(AlertCommandOptions options) {
  if (!options.command.empty())
    runner_ = std::make_unique<Runner>(std::move(options));
}

AlertCommand::~AlertCommand() = default;

void AlertCommand::start(Alert const& alert) {
  if (runner_) runner_->add(alert);
}

}  // namespace gasm
