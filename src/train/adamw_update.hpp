// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <vector>

#include "gasm/config/optim_config.hpp"

namespace gasm {

/// Tensors that are updated alike; the i-th of each list belong together and
/// have one shape.
struct AdamWTensors {
  std::vector<at::Tensor> parameters, gradients, exp_avg, exp_avg_sq;
};

struct AdamWNumbers {
  double lr;
  double decay;
  std::array<double, 2> betas;
  double eps;
  std::int64_t step;  ///< of this update, from 1
};

/// With g, m, v, p of gradient, moments and parameter, and step t:
///   p = (1 - lr decay) p,  m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,
///   p = p - lr m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps).
/// All implementations leave the same but for rounding: some 1e-7 of the
/// largest value an update.
void update_adamw(Implementation implementation, AdamWTensors& tensors,
                  AdamWNumbers const& numbers);

}  // namespace gasm
