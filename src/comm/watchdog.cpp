// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/watchdog.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "failed_phase.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/base/exit_code.hpp"
#include "gasm/base/host_name.hpp"
#include "gasm/base/log.hpp"
#include "gasm/comm/collective_log.hpp"
#include "gasm/comm/status_board.hpp"
#include "watchdog_report.hpp"

namespace gasm {
namespace {

constexpr double kBoardInterval_s = 1.0;

void print_raw(std::string const& text) {
  // Neither stdio nor the log: the thread that hangs may hold their locks.
  [[maybe_unused]] auto const ignored =
      ::write(STDERR_FILENO, text.data(), text.size());
}

/// Whatever blocks the report (a dead file system), the process ends.
void exit_later(double delay_s) {
  std::thread([delay_s] {
    std::this_thread::sleep_for(std::chrono::duration<double>(delay_s));
    std::_Exit(static_cast<int>(ExitCode::watchdog));
  }).detach();
}

}  // namespace

struct Watchdog::Impl {
  struct OpenPhase {
    std::string name;
    double deadline_s;
  };

  explicit Impl(WatchdogOptions given)
      : options(std::move(given)), host(host_name()) {
    if (!options.board_path.empty()) board.emplace(options.board_path);
    since_unix_s = unix_time_s();
    since_s = monotonic_s();
    write_board();
    thread = std::jthread([this](std::stop_token stop) { watch(stop); });
    if (board)
      refresher =
          std::jthread([this](std::stop_token stop) { refresh_board(stop); });
  }

  // The functions below, but write_board and report, run under the mutex.
  std::string phases() const {
    std::string joined;
    for (auto const& phase : open)
      joined += (joined.empty() ? "" : " > ") + phase.name;
    return joined.empty() ? "outside any phase" : joined;
  }
  void restart(std::string_view what) {
    progress = what;
    since_unix_s = unix_time_s();
    since_s = monotonic_s();
  }
  /// Seconds until the deadline; none if there is no deadline.
  std::optional<double> remaining_s() const {
    double const limit_s =
        open.empty() ? 0.0 : open.back().deadline_s * options.deadline_scale;
    if (limit_s <= 0.0) return std::nullopt;
    return since_s + limit_s - monotonic_s();
  }

  StatusRow row() const {
    auto const last = last_collective();
    std::lock_guard lock(mutex);
    return {.rank = options.rank,
            .host = host,
            .pid = ::getpid(),
            .since_unix_s = since_unix_s,
            .written_unix_s = unix_time_s(),
            .sequence = last.sequence,
            .inside = last.inside,
            .collective = last.name,
            .phase = phases(),
            .progress = progress};
  }
  // Outside the mutex, so that a file system that hangs stops the writer only.
  void write_board() {
    if (board) board->write(row());
  }

  void watch(std::stop_token const& stop);
  void refresh_board(std::stop_token const& stop);
  [[noreturn]] void report(double waited_s, double limit_s);

  WatchdogOptions options;
  std::string host;
  std::optional<StatusBoard> board;
  mutable std::mutex mutex;
  std::condition_variable_any changed;
  std::vector<OpenPhase> open;
  int num_changes = 0;  ///< phases entered or left
  std::string progress;
  double since_s = 0.0;
  double since_unix_s = 0.0;
  double board_written_s = 0.0;
  std::jthread thread;
  // Its own thread, so that a file system that hangs stops no deadline.
  std::jthread refresher;
};

void Watchdog::Impl::watch(std::stop_token const& stop) {
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    auto const left_s = remaining_s();
    auto const is_changed = [this, seen = num_changes] {
      return num_changes != seen;
    };
    if (!left_s) {
      changed.wait(lock, stop, is_changed);
    } else if (*left_s > 0.0) {
      changed.wait_for(lock, stop, std::chrono::duration<double>(*left_s),
                       is_changed);
    } else {
      double const limit_s = open.back().deadline_s * options.deadline_scale;
      double const waited_s = monotonic_s() - since_s;
      lock.unlock();
      report(waited_s, limit_s);
    }
  }
}

// A rank that waits in a collective makes no progress and writes no row: what
// it last wrote would name it as one that did not come.
void Watchdog::Impl::refresh_board(std::stop_token const& stop) {
  std::mutex sleeping;
  std::condition_variable_any never;
  std::unique_lock lock(sleeping);
  StatusRow written;
  auto const interval = std::chrono::duration<double>(kBoardInterval_s);
  while (!never.wait_for(lock, stop, interval,
                         [&] { return stop.stop_requested(); })) {
    StatusRow const now = row();
    if (now.sequence == written.sequence && now.inside == written.inside &&
        now.since_unix_s == written.since_unix_s)
      continue;
    board->write(now);
    written = now;
  }
}

void Watchdog::Impl::report(double waited_s, double limit_s) {
  exit_later(5.0);
  StatusRow const mine = row();
  print_raw(describe_expiry(mine, last_collective(), waited_s, limit_s));
  if (board) {
    board->write(mine);
    // Others expire at about the same moment and write their rows, too.
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    print_raw(describe_board(mine.rank, options.num_ranks,
                             read_status_board(options.board_path),
                             unix_time_s()));
  }
  flush_log();
  std::_Exit(static_cast<int>(ExitCode::watchdog));
}

Watchdog::Watchdog(WatchdogOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

Watchdog::~Watchdog() = default;

void Watchdog::progress(std::string_view what) {
  bool is_board_due = false;
  {
    std::lock_guard lock(impl_->mutex);
    impl_->restart(what);
    is_board_due = impl_->since_s - impl_->board_written_s >= kBoardInterval_s;
    if (is_board_due) impl_->board_written_s = impl_->since_s;
  }
  if (is_board_due) impl_->write_board();
}

std::string Watchdog::current_phase() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->phases();
}

Phase::Phase(Watchdog& watchdog, std::string_view name, double deadline_s)
    : watchdog_(watchdog), num_exceptions_(std::uncaught_exceptions()) {
  auto& impl = *watchdog_.impl_;
  {
    std::lock_guard lock(impl.mutex);
    impl.open.push_back({std::string(name), deadline_s});
    ++impl.num_changes;
    impl.restart("");
  }
  note_failed_phase("");
  impl.changed.notify_all();
  impl.write_board();
}

Phase::~Phase() {
  auto& impl = *watchdog_.impl_;
  {
    std::lock_guard lock(impl.mutex);
    // The innermost phase sees an exception first and names the whole path.
    if (std::uncaught_exceptions() <= num_exceptions_)
      note_failed_phase("");
    else if (failed_phase().empty())
      note_failed_phase(impl.phases());
    impl.open.pop_back();
    ++impl.num_changes;
    impl.restart("");
  }
  impl.changed.notify_all();
  impl.write_board();
}

}  // namespace gasm
