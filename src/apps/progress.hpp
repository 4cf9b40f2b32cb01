// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gasm {

/// "synth: 120 of 900 clips, 35.2 a second, 22 s left", for one process that
/// speaks: a status line that is rewritten in place on a terminal, and cut to
/// its width (terminal.hpp), a line every ten seconds elsewhere. Goes to
/// standard error.
class Progress {
 public:
  enum class Voice { speaks, speaks_on_terminal, silent };
  /// `what`: "synth"; `unit`: "clips".
  Progress(std::string what, std::string unit, Voice voice);
  ~Progress() { clear(); }
  Progress(Progress const&) = delete;
  Progress& operator=(Progress const&) = delete;

  /// `done` smaller than before, or the first: the rate counts from here.
  /// `detail`, if any, stands in the line in place of the rate.
  void update(std::int64_t done, std::int64_t total,
              std::string_view detail = "");
  /// Takes the status line away.
  void clear();

 private:
  struct Start {
    double time_s;
    std::int64_t done;
  };
  std::string line(double now_s, std::int64_t done, std::int64_t total,
                   std::string_view detail) const;

  std::string what_;
  std::string unit_;
  Voice voice_;
  bool is_terminal_;
  bool has_line_ = false;
  std::optional<Start> start_;
  std::int64_t last_done_ = 0;
  double last_s_ = 0.0;
};

}  // namespace gasm
