// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/run_guarded.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "failed_phase.hpp"
#include "fatal_signals.hpp"
#include "gasm/base/host_name.hpp"
#include "gasm/base/log.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/flight_file.hpp"
#include "gasm/comm/mpi_session.hpp"
#include "gasm/comm/watchdog.hpp"
#include "job_board.hpp"
#include "same_start.hpp"

namespace gasm {
namespace {

constexpr auto kOrderlyEnd = std::chrono::seconds(10);

/// Thousands of ranks take their time to find each other.
constexpr double kStart_s = 300.0;

double start_deadline_s() {
  char const* const text = std::getenv("GASM_START_DEADLINE_S");
  if (text == nullptr) return kStart_s;
  char* end = nullptr;
  double const given_s = std::strtod(text, &end);
  if (end == text || *end != '\0' || !(given_s >= 0.0))
    throw usage_error("GASM_START_DEADLINE_S is \"{}\" (want seconds; 0: none)",
                      text);
  return given_s;
}

/// The text of the exception that is being handled.
std::string current_message() {
  try {
    throw;
  } catch (std::exception const& failed) {
    return failed.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

[[noreturn]] void abort_with(std::string const& message) {
  write_flight_file("abort");
  std::string const phase = failed_phase();
  log_line(LogVoice::rank, LogLevel::error,
           fmt::format("{} (host {}, pid {}, {}{}). Aborting all ranks.",
                       message, host_name(), ::getpid(),
                       phase.empty() ? "outside any phase" : "phase ", phase));
  flush_log();
  abort_job(ExitCode::aborted);
}

/// For threads: an exception that leaves one never reaches the guard. MPI may
/// not be called there, so only this process ends; mpirun ends the others.
[[noreturn]] void on_terminate() {
  write_flight_file("uncaught exception");
  log_line(LogVoice::rank, LogLevel::error,
           fmt::format(
               "{} (host {}, pid {}, in a thread without a guard). "
               "Aborting.",
               std::current_exception() ? current_message() : "std::terminate",
               host_name(), ::getpid()));
  flush_log();
  _exit(static_cast<int>(ExitCode::aborted));
}

/// Ends the process if an orderly end takes too long: then this rank's end is
/// not the others', and they wait elsewhere.
class EndTimer {
 public:
  /// `message` is what it says then, `code` what the process ends with.
  EndTimer(std::string message, ExitCode code)
      : message_(std::move(message)),
        code_(code),
        thread_([this](std::stop_token stop) { wait(stop); }) {}

 private:
  void wait(std::stop_token const& stop) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, kOrderlyEnd, [] { return false; });
    if (stop.stop_requested()) return;
    log_line(LogVoice::rank, LogLevel::error, message_);
    flush_log();
    _exit(static_cast<int>(code_));
  }

  std::string message_;
  ExitCode code_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

int end_in_order(MpiSession& session, std::string const& message,
                 ExitCode code) {
  if (code != ExitCode::usage) write_flight_file("agreed error");
  log_line(LogVoice::root, LogLevel::error, message);
  flush_log();
  EndTimer const timer(
      fmt::format("{} (rank {}, host {}; the other ranks did not report the "
                  "same). Aborting all ranks.",
                  message, session.world().rank(), host_name()),
      ExitCode::aborted);
  session.close();
  return static_cast<int>(code);
}

/// MPI, and who runs what: a rank that does not come is named, where the
/// launcher says who there is.
void start(std::optional<MpiSession>& session, int& argc, char**& argv) {
  // MPI_Init may take words away.
  std::vector<std::string> const words(argv + std::min(1, argc), argv + argc);
  auto const launched = launched_rank();
  std::optional<Watchdog> watchdog;
  std::optional<Phase> phase;
  if (launched && launched->num_ranks > 1) {
    watchdog.emplace(WatchdogOptions{.rank = launched->rank,
                                     .num_ranks = launched->num_ranks});
    phase.emplace(*watchdog, "start", start_deadline_s());
  }
  session.emplace(argc, argv);
  watch_fatal_signals();
  require_same_start(session->world(), words);
}

/// The others come here as soon as they are done, which may be later.
void close_when_done(MpiSession& session) {
  EndTimer const timer(
      fmt::format("the other ranks did not end within {} s (rank {}, host {} "
                  "is done). Aborting all ranks.",
                  kOrderlyEnd.count(), session.world().rank(), host_name()),
      ExitCode::watchdog);
  session.close();
}

}  // namespace

int run_guarded(
    int argc, char** argv,
    std::function<ExitCode(Communicator const& world)> const& body) {
  std::set_terminate(on_terminate);
  std::optional<MpiSession> session;
  try {
    start(session, argc, argv);
    ExitCode const code = body(session->world());
    flush_log();
    close_when_done(*session);
    return static_cast<int>(code);
  } catch (AgreedError const& failed) {
    return end_in_order(*session, failed.what(), failed.code());
  } catch (Error const& failed) {
    if (!session) abort_with(failed.what());
    if (session->world().size() > 1 && failed.code() != ExitCode::usage)
      abort_with(failed.what());
    return end_in_order(*session, failed.what(), failed.code());
  } catch (...) {
    abort_with(current_message());
  }
}

int run_guarded_serial(std::function<ExitCode()> const& body) {
  std::set_terminate(on_terminate);
  try {
    ExitCode const code = body();
    flush_log();
    return static_cast<int>(code);
  } catch (Error const& failed) {
    log_line(LogVoice::root, LogLevel::error, failed.what());
    flush_log();
    return static_cast<int>(failed.code());
  } catch (...) {
    std::string const phase = failed_phase();
    log_line(LogVoice::root, LogLevel::error,
             phase.empty()
                 ? current_message()
                 : fmt::format("{} (phase {})", current_message(), phase));
    flush_log();
    return static_cast<int>(ExitCode::aborted);
  }
}

}  // namespace gasm
