// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "gasm/base/clock.hpp"

namespace gasm {

/// "synth: 120 of 900 clips, 35.2 a second, 22 s left", for one process that
/// speaks: rewritten in place on a terminal, a line every ten seconds
/// elsewhere. Goes to standard error.
class Progress {
 public:
  /// `what`: "synth"; `unit`: "clips". A silent one prints nothing.
  enum class Voice { speaks, silent };
  Progress(std::string what, std::string unit, Voice voice);
  ~Progress();
  Progress(Progress const&) = delete;
  Progress& operator=(Progress const&) = delete;

  void update(std::int64_t done, std::int64_t total);

 private:
  std::string line(std::int64_t done, std::int64_t total) const;

  std::string what_;
  std::string unit_;
  Voice voice_;
  bool is_terminal_;
  bool has_line_ = false;
  double start_s_ = monotonic_s();
  double last_s_ = monotonic_s();
};

}  // namespace gasm
