// SPDX-License-Identifier: Apache-2.0
#include "save_schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "gasm/base/duration_text.hpp"

namespace gasm {
namespace {

/// A clock too coarse to see a save says 0, and no time between two is none.
constexpr double kLeastCost_s = 1e-3;
constexpr double kNoticeable = 0.1;

bool is_multiple(std::int64_t step, std::int64_t of) {
  return of > 0 && step % of == 0;
}

}  // namespace

double optimum_save_interval_s(double cost_s, double mtbf_s) {
  double const share = cost_s / (2 * mtbf_s);
  if (share >= 1) return mtbf_s;
  return std::sqrt(2 * cost_s * mtbf_s) *
             (1 + std::sqrt(share) / 3 + share / 9) -
         cost_s;
}

SaveSchedule::SaveSchedule(CheckpointConfig const& config,
                           std::function<double()> now_s)
    : config_(config), now_s_(std::move(now_s)) {
  restart();
}

void SaveSchedule::restart() { since_s_ = now_s_(); }

bool SaveSchedule::is_step_due(std::int64_t step) const {
  return is_multiple(step, config_.every_steps) ||
         is_multiple(step, config_.keep_every);
}

bool SaveSchedule::is_time_due() {
  double const now_s = now_s_();
  since_s_ = std::min(since_s_, now_s);
  return now_s - since_s_ > interval_s();
}

void SaveSchedule::note_cost(double held_s) {
  held_s_ += std::max(held_s, kLeastCost_s);
  ++num_saves_;
}

double SaveSchedule::interval_s() const {
  if (config_.interval == SaveInterval::automatic && num_saves_ > 0)
    return optimum_save_interval_s(held_s_ / static_cast<double>(num_saves_),
                                   3600 * config_.mtbf_hours);
  return config_.every_minutes > 0 ? 60 * config_.every_minutes
                                   : std::numeric_limits<double>::infinity();
}

std::optional<std::string> SaveSchedule::take_news() {
  if (config_.interval == SaveInterval::fixed || num_saves_ == 0)
    return std::nullopt;
  double const interval = interval_s();
  if (std::abs(interval - told_s_) <= kNoticeable * told_s_)
    return std::nullopt;
  told_s_ = interval;
  return fmt::format(
      "a checkpoint every {} from now on (saves hold the training for {:.3g} "
      "s, "
      "checkpoint.mtbf_hours is {:g})",
      duration_text(interval), held_s_ / static_cast<double>(num_saves_),
      config_.mtbf_hours);
}

}  // namespace gasm
