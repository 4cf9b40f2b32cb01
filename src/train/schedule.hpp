// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "gasm/config/optim_config.hpp"

namespace gasm {

/// Learning rate of `step` (from 0) of a run of `total_steps`: linear from
/// lr / warmup_steps up to lr, then constant, or a cosine (SGDR, Loshchilov
/// and Hutter 2017, without restarts) or a line that ends at
/// final_lr_fraction * lr, or lr times step_factor for each of `drop_steps`
/// that has come.
double learning_rate(OptimConfig const& optim, std::int64_t step,
                     std::int64_t warmup_steps, std::int64_t total_steps,
                     std::span<std::int64_t const> drop_steps = {});

}  // namespace gasm
