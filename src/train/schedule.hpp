// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "gasm/config/optim_config.hpp"

namespace gasm {

/// Learning rate of `step` (from 0) of a run of `total_steps`: linear from
/// lr / warmup_steps up to lr, then constant, or a cosine (SGDR, Loshchilov
/// and Hutter 2017, without restarts) that ends at final_lr_fraction * lr.
double learning_rate(OptimConfig const& optim, std::int64_t step,
                     std::int64_t warmup_steps, std::int64_t total_steps);

}  // namespace gasm
