// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace gasm {

/// What the loss is multiplied by before the backward pass, so that small
/// gradients do not become zero in half precision (Micikevicius et al., 2018,
/// "Mixed Precision Training", section 3.2). Always a power of two: the
/// gradient is divided by it without rounding.
struct LossScale {
  double value = 1.0;
  std::int64_t steps_since_change = 0;

  bool operator==(LossScale const&) const = default;
};

/// Where a training begins: 1 where nothing is scaled, else 2^16.
LossScale first_loss_scale(bool is_scaled);

/// The scale of the next step: half after a gradient that was not finite,
/// twice as much after 2000 steps without one.
LossScale next_loss_scale(LossScale const& scale, bool was_finite);

/// After so many steps without one, up to this.
inline constexpr std::int64_t kLossScalePatience_steps = 2000;
inline constexpr double kMostLossScale = 16777216.0;

/// Below this, a gradient that is not finite is no matter of scale.
inline constexpr double kLeastLossScale = 1.0;

}  // namespace gasm
