// SPDX-License-Identifier: Apache-2.0
#include "schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gasm {

double learning_rate(OptimConfig const& optim, std::int64_t step,
                     std::int64_t warmup_steps, std::int64_t total_steps,
                     std::span<std::int64_t const> drop_steps) {
  if (step < warmup_steps)
    return optim.lr * static_cast<double>(step + 1) /
           static_cast<double>(warmup_steps);
  if (optim.schedule == ScheduleKind::constant) return optim.lr;
  if (optim.schedule == ScheduleKind::step)
    return optim.lr *
           std::pow(optim.step_factor,
                    std::ranges::count_if(drop_steps, [&](auto const border) {
                      return border <= step;
                    }));
  auto const length = std::max<std::int64_t>(1, total_steps - warmup_steps);
  double const progress =
      std::min(1.0, static_cast<double>(step - warmup_steps) /
                        static_cast<double>(length));
  double const left = optim.schedule == ScheduleKind::linear
                          ? 1.0 - progress
                          : 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
  return optim.lr *
         (optim.final_lr_fraction + (1.0 - optim.final_lr_fraction) * left);
}

}  // namespace gasm
