// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/log.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>

namespace gasm {
namespace {

struct LogState {
  std::shared_ptr<spdlog::logger> console;
  std::shared_ptr<spdlog::logger> file;
  int rank = 0;
  int num_ranks = 1;
  std::atomic<bool> quiet{false};
  std::mutex status_mutex;
  std::string status;  // what log_status shows

  LogState() {
    console = std::make_shared<spdlog::logger>(
        "console", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    console->set_pattern("%v");
    console->flush_on(spdlog::level::info);
  }
};

LogState& state() {
  static LogState the_state;
  return the_state;
}

// Back to the start of the line, and what stood there goes.
constexpr char const* kClearLine = "\r\x1b[K";

void print_above_status(LogState& log, std::string const& line) {
  std::lock_guard lock(log.status_mutex);
  if (log.status.empty()) return log.console->info(line);
  log.console->info(kClearLine + line);
  std::fputs(log.status.c_str(), stderr);
}

}  // namespace

void log_status(std::string_view text) {
  auto& log = state();
  std::lock_guard lock(log.status_mutex);
  log.status = text;
  std::fputs((kClearLine + log.status).c_str(), stderr);
  std::fflush(stderr);
}

void set_log_rank(int rank, int num_ranks) {
  state().rank = rank;
  state().num_ranks = num_ranks;
}

void log_to_file(std::filesystem::path const& path) {
  try {
    auto file = std::make_shared<spdlog::logger>(
        "file",
        std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string()));
    file->set_pattern("%Y-%m-%dT%H:%M:%S.%e %v");
    file->flush_on(spdlog::level::info);
    file->set_error_handler([](std::string const&) {});
    state().file = std::move(file);
  } catch (spdlog::spdlog_ex const& failed) {
    log_rank_warn("no log file: {}", failed.what());
  }
}

void set_log_quiet(bool quiet) { state().quiet = quiet; }

void flush_log() {
  state().console->flush();
  if (auto file = state().file) file->flush();
}

void log_line(LogVoice voice, LogLevel level, std::string_view text) {
  auto& log = state();
  std::string line;
  if (voice == LogVoice::rank && log.num_ranks > 1)
    line = fmt::format("[rank {}] ", log.rank);
  if (level == LogLevel::warn) line += "warning: ";
  if (level == LogLevel::error) line += "error: ";
  line += text;
  bool const speaks = voice == LogVoice::rank || log.rank == 0;
  if (speaks && (level != LogLevel::info || !log.quiet))
    print_above_status(log, line);
  if (auto file = log.file) file->info(line);
}

}  // namespace gasm
