// SPDX-License-Identifier: Apache-2.0
#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "gasm/base/log.hpp"

namespace gasm {
namespace {

constexpr double kTerminalPeriod_s = 0.1;
constexpr double kPlainPeriod_s = 10.0;

}  // namespace

Progress::Progress(std::string what, std::string unit, Voice voice)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      voice_(voice),
      is_terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (has_line_) std::fputs("\r\x1b[K", stderr);
}

std::string Progress::line(std::int64_t done, std::int64_t total) const {
  double const rate =
      static_cast<double>(done) / std::max(monotonic_s() - start_s_, 1e-9);
  return fmt::format("{}: {} of {} {}, {:.1f} a second, {:.0f} s left", what_,
                     done, total, unit_, rate,
                     static_cast<double>(total - done) / std::max(rate, 1e-9));
}

void Progress::update(std::int64_t done, std::int64_t total) {
  if (voice_ == Voice::silent) return;
  double const now_s = monotonic_s();
  if (now_s - last_s_ < (is_terminal_ ? kTerminalPeriod_s : kPlainPeriod_s))
    return;
  last_s_ = now_s;
  if (!is_terminal_) return log_info("{}", line(done, total));
  std::fprintf(stderr, "\r%s\x1b[K", line(done, total).c_str());
  std::fflush(stderr);
  has_line_ = true;
}

}  // namespace gasm
