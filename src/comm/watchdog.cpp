// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/watchdog.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
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
#include "gasm/comm/flight_file.hpp"
#include "gasm/comm/stage.hpp"
#include "gasm/comm/status_board.hpp"
#include "hang_actions.hpp"
#include "job_board.hpp"
#include "process_state.hpp"
#include "watchdog_report.hpp"

namespace gasm {
namespace {

constexpr double kBoardInterval_s = 1.0;
/// A rank that lives writes its row within so many seconds of being asked.
constexpr double kAnswer_s = 4.0;
/// So long may a report take, and an abort, whatever blocks them.
constexpr double kReport_s = 15.0;
constexpr double kHangActions_s = 2.0;

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
    if (options.board_path.empty() && options.num_ranks > 1) use_job_folder();
    if (!options.board_path.empty()) {
      board.emplace(options.board_path);
      report_path = options.board_path;
      report_path += "-report";
      set_flight_file(
          flight_path(options.board_path.parent_path(), options.rank),
          options.rank);
    }
    outer_mark = phase_mark();
    since_unix_s = unix_time_s();
    since_s = monotonic_s();
    write_board();
    thread = std::jthread([this](std::stop_token stop) { watch(stop); });
    if (board)
      refresher =
          std::jthread([this](std::stop_token stop) { refresh_board(stop); });
  }

  ~Impl() { note_phase_mark(outer_mark); }

  void use_job_folder() {
    auto const folder = job_folder();
    if (folder.empty()) return;
    options.board_path = folder / "status-board";
    auto const launched = launched_rank();
    has_all_rows = launched && launched->is_one_host;
  }

  // The functions below, but write_board and report, run under the mutex.
  std::string phases() const {
    std::string joined;
    for (auto const& phase : open)
      joined += (joined.empty() ? "" : " > ") + phase.name;
    return joined.empty() ? "outside any phase" : joined;
  }
  std::string place() const {
    char const* const stage = current_stage();
    return stage == nullptr ? phases() : phases() + " > " + stage;
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
            .bucket = last.bucket,
            .parameter = last_parameter() ? last_parameter() : "",
            .phase = place(),
            .progress = progress};
  }
  // Outside the mutex, so that a file system that hangs stops the writer only.
  void write_board() {
    if (board) board->write(row());
  }

  void watch(std::stop_token const& stop);
  void refresh_board(std::stop_token const& stop);
  [[noreturn]] void end(double waited_s, double limit_s);
  bool claim_report();
  std::vector<StatusRow> rows() const;
  HangFacts ask_all_ranks();
  void publish(std::string const& text);

  WatchdogOptions options;
  std::string host;
  std::optional<StatusBoard> board;
  std::filesystem::path report_path;
  int report_fd = -1;
  bool has_all_rows = true;
  char const* outer_mark = "";
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
      end(waited_s, limit_s);
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
    bool const is_same =
        now.sequence == written.sequence && now.inside == written.inside &&
        now.since_unix_s == written.since_unix_s && now.phase == written.phase;
    if (is_same) {
      // Who makes progress need not ask whether somebody reports a hang.
      if (::access(report_path.c_str(), F_OK) != 0) continue;
      write_flight_file("watchdog of another rank");
    }
    board->write(now);
    written = now;
  }
}

/// True for one rank of those that share the board.
bool Watchdog::Impl::claim_report() {
  report_fd = ::open(report_path.c_str(),
                     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  // Where it cannot be made at all, several reports are better than none.
  return report_fd >= 0 || errno != EEXIST;
}

std::vector<StatusRow> Watchdog::Impl::rows() const {
  auto rows = read_status_board(options.board_path);
  rows.resize(static_cast<std::size_t>(options.num_ranks));
  return rows;
}

/// The report's file tells them to write: their calls first, then their row.
HangFacts Watchdog::Impl::ask_all_ranks() {
  auto const before = rows();
  HangFacts facts{.rank = options.rank,
                  .num_ranks = options.num_ranks,
                  .has_all_rows = has_all_rows};
  double const end_s = monotonic_s() + kAnswer_s;
  do {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    facts.rows = rows();
    facts.unanswering.clear();
    for (std::size_t i = 0; i < before.size(); ++i)
      if (before[i].rank >= 0 && before[i].rank != options.rank &&
          facts.rows[i].written_unix_s == before[i].written_unix_s)
        facts.unanswering.insert(before[i].rank);
  } while (!facts.unanswering.empty() && monotonic_s() < end_s);
  facts.now_unix_s = unix_time_s();
  for (auto const& row : facts.rows) {
    auto calls = row.rank < 0
                     ? std::nullopt
                     : read_flight_file(flight_path(
                           options.board_path.parent_path(), row.rank));
    // An earlier process of this rank may have left one.
    facts.calls.push_back(calls && calls->pid == row.pid
                              ? std::move(calls->calls)
                              : std::vector<FlightCall>());
    if (row.rank < 0 || row.host != host) continue;
    std::string words;
    auto const state = process_state(row.pid, words);
    facts.processes[row.rank] = words;
    // It lives, and is only too busy to answer.
    if (state == ProcessState::alive) facts.unanswering.erase(row.rank);
  }
  return facts;
}

void Watchdog::Impl::publish(std::string const& text) {
  print_raw(text);
  if (report_fd < 0) return;
  [[maybe_unused]] auto const ignored =
      ::write(report_fd, text.data(), text.size());
  ::close(report_fd);
}

void Watchdog::Impl::end(double waited_s, double limit_s) {
  exit_later(kReport_s);
  StatusRow const mine = row();
  write_flight_file("watchdog");
  if (board) {
    board->write(mine);
    // The one that reports ends last: mpirun kills the others then.
    if (!claim_report()) {
      run_hang_actions(kHangActions_s);
      std::this_thread::sleep_for(std::chrono::duration<double>(kReport_s));
    }
  }
  auto text = describe_expiry(mine, last_collective(), waited_s, limit_s);
  if (board) {
    auto const facts = ask_all_ranks();
    text += describe_hang(facts);
    text += describe_board(mine.rank, options.num_ranks, facts.rows,
                           facts.now_unix_s);
  }
  publish(text);
  run_hang_actions(kHangActions_s);
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
    note_phase_mark(kept_text(impl.phases()));
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
    note_phase_mark(impl.open.empty() ? impl.outer_mark
                                      : kept_text(impl.phases()));
  }
  impl.changed.notify_all();
  impl.write_board();
}

}  // namespace gasm
