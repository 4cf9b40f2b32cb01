// SPDX-License-Identifier: Apache-2.0
#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "gasm/base/clock.hpp"
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
      is_terminal_(isatty(STDERR_FILENO) != 0) {
  if (voice_ == Voice::speaks_on_terminal && !is_terminal_)
    voice_ = Voice::silent;
}

void Progress::clear() {
  if (std::exchange(has_line_, false)) log_status("");
}

std::string Progress::line(double now_s, std::int64_t done,
                           std::int64_t total) const {
  double const rate = static_cast<double>(done - start_->done) /
                      std::max(now_s - start_->time_s, 1e-9);
  return fmt::format("{}: {} of {} {}, {:.1f} a second, {:.0f} s left", what_,
                     done, total, unit_, rate,
                     static_cast<double>(total - done) / std::max(rate, 1e-9));
}

void Progress::update(std::int64_t done, std::int64_t total) {
  if (voice_ == Voice::silent) return;
  double const now_s = monotonic_s();
  if (!start_ || done < last_done_) {
    start_ = Start{now_s, done};
    last_s_ = now_s;
  }
  last_done_ = done;
  if (now_s - last_s_ < (is_terminal_ ? kTerminalPeriod_s : kPlainPeriod_s))
    return;
  last_s_ = now_s;
  auto const text = line(now_s, done, total);
  if (!is_terminal_) return log_info("{}", text);
  log_status(text);
  has_line_ = true;
}

}  // namespace gasm
