// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/alert_desk.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "gasm/base/clock.hpp"
#include "gasm/base/log.hpp"

namespace gasm {
namespace {

bool is_judgement(std::string_view kind) {
  constexpr std::array<std::string_view, 6> judgements = {
      "loss_spike", "validation_regression",
      "data_wait",  "decode_errors",
      "stall",      "disk"};
  return std::ranges::find(judgements, kind) != judgements.end();
}

}  // namespace

bool AlertDesk::is_due(std::string const& kind) {
  double const now_s = monotonic_s();
  auto const last = raised_s_.find(kind);
  if (last != raised_s_.end() && now_s - last->second < cooldown_s_)
    return false;
  raised_s_[kind] = now_s;
  return true;
}

Result<void> AlertDesk::raise(Alert alert) {
  if (alert.time_s == 0.0) alert.time_s = unix_time_s();
  std::lock_guard const lock(mutex_);
  bool const is_first = is_due(alert.kind);
  if (is_judgement(alert.kind)) {
    if (!is_first) return {};
    log_warn("{}: {}", alert.kind, alert.text);
  }
  if (is_first) command_.start(alert);
  return append_alert(file_, std::move(alert));
}

}  // namespace gasm
