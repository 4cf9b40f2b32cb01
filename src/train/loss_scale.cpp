// SPDX-License-Identifier: Apache-2.0
#include "loss_scale.hpp"

#include <algorithm>

namespace gasm {

LossScale first_loss_scale(bool is_scaled) {
  return {.value = is_scaled ? 65536.0 : 1.0};
}

LossScale next_loss_scale(LossScale const& scale, bool was_finite) {
  if (!was_finite) return {.value = scale.value / 2};
  if (scale.steps_since_change + 1 < kLossScalePatience_steps)
    return {scale.value, scale.steps_since_change + 1};
  return {.value = std::min(2 * scale.value, kMostLossScale)};
}

}  // namespace gasm
