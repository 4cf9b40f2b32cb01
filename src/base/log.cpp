// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/log.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>

namespace gasm {
namespace {

struct LogState {
  std::shared_ptr<spdlog::logger> console;
  std::shared_ptr<spdlog::logger> file;
  int rank = 0;
  int num_ranks = 1;
  std::atomic<bool> quiet{false};

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

}  // namespace

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
    log.console->info(line);
  if (auto file = log.file) file->info(line);
}

}  // namespace gasm
