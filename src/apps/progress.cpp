// SPDX-License-Identifier: Apache-2.0
#include "progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "gasm/base/clock.hpp"
#include "gasm/base/duration_text.hpp"
#include "gasm/base/log.hpp"
#include "terminal.hpp"

namespace gasm {
namespace {

constexpr double kTerminalPeriod_s = 0.1;
constexpr double kPlainPeriod_s = 10.0;

/// "35.2 a second", or of slow things "1 min 20 s each".
std::string pace_text(double rate) {
  return rate >= 1 ? fmt::format("{:.1f} a second", rate)
                   : duration_text(1 / rate) + " each";
}

}  // namespace

Progress::Progress(std::string what, std::string unit, Voice voice)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      voice_(voice),
      is_terminal_(is_seen_on_terminal()) {
  if (voice_ == Voice::speaks_on_terminal && !is_terminal_)
    voice_ = Voice::silent;
}

void Progress::clear() {
  if (std::exchange(has_line_, false)) log_status("");
}

std::string Progress::line(double now_s, std::int64_t done, std::int64_t total,
                           std::string_view detail) const {
  double const rate = static_cast<double>(done - start_->done) /
                      std::max(now_s - start_->time_s, 1e-9);
  auto const left =
      duration_text(static_cast<double>(total - done) / std::max(rate, 1e-9));
  auto const head = fmt::format("{}: {} of {} {}", what_, done, total, unit_);
  return detail.empty()
             ? fmt::format("{}, {}, {} left", head, pace_text(rate), left)
             : fmt::format("{}, {} left, {}", head, left, detail);
}

void Progress::update(std::int64_t done, std::int64_t total,
                      std::string_view detail) {
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
  auto const text = line(now_s, done, total, detail);
  if (!is_terminal_) return log_info("{}", text);
  // A line that the terminal breaks in two could not be rewritten.
  auto const width = size_of_standard_error().columns - 1;
  log_status(text.substr(0, static_cast<std::size_t>(std::max(1, width))));
  has_line_ = true;
}

}  // namespace gasm
