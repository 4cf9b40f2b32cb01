// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <string_view>
#include <utility>

namespace gasm {

/// Two log verbs, after who speaks:
///   log_info, log_warn              all ranks agree, and rank 0 prints;
///   log_rank_info, log_rank_warn    one rank's own event, with its number.
/// Lines go to standard error, and to the rank's log file once there is one.
/// Thread-safe. Never an error: a line that cannot be written is dropped.

/// Names the calling process; 0 of 1 until it is called.
void set_log_rank(int rank, int num_ranks);

/// Also appends every line of this rank to `path` from now on.
void log_to_file(std::filesystem::path const& path);

/// Drops lines below warnings (tests and --quiet).
void set_log_quiet(bool quiet);

/// Shows `text` in the last line of the terminal until the next call, beneath
/// the lines of the log; "" takes it away. For one process and a standard
/// error that is a terminal.
void log_status(std::string_view text);

/// Writes out what is buffered.
void flush_log();

enum class LogLevel { info, warn, error };
enum class LogVoice { root, rank };

void log_line(LogVoice voice, LogLevel level, std::string_view text);

template <class... Args>
void log_info(fmt::format_string<Args...> text, Args&&... args) {
  log_line(LogVoice::root, LogLevel::info,
           fmt::format(text, std::forward<Args>(args)...));
}

template <class... Args>
void log_warn(fmt::format_string<Args...> text, Args&&... args) {
  log_line(LogVoice::root, LogLevel::warn,
           fmt::format(text, std::forward<Args>(args)...));
}

template <class... Args>
void log_rank_info(fmt::format_string<Args...> text, Args&&... args) {
  log_line(LogVoice::rank, LogLevel::info,
           fmt::format(text, std::forward<Args>(args)...));
}

template <class... Args>
void log_rank_warn(fmt::format_string<Args...> text, Args&&... args) {
  log_line(LogVoice::rank, LogLevel::warn,
           fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace gasm
