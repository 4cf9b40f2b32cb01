// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "gasm/config/run_config.hpp"

namespace gasm {

/// What a model costs on this machine, beside what it says that it costs.
/// A micro-batch is train.micro_batch clips, or their features where
/// data.source is features; numbers are random, and so is each label.
struct ModelCost {
  std::string summary;      ///< parameters and work by part
  double claimed_macs = 0;  ///< of one clip, forward, from the sizes
  double traced_macs = 0;   ///< the same, counted while it runs
  std::int64_t trainable = 0;
  int num_clips = 0;     ///< of a micro-batch
  double forward_s = 0;  ///< one in evaluation mode: median
  double step_s = 0;     ///< forward, backward and optimiser: median
  /// Tensors held at once in a step at most, beyond parameters, gradients and
  /// moments.
  std::int64_t peak_bytes = 0;
};

/// Measures the models in turns, `num_repeats` times after one that does not
/// count. Weights are random. Classes are 174 where a configuration says
/// nothing. A usage error where a model cannot be built.
std::vector<ModelCost> bench_models(
    std::span<RunConfig const> configs, int num_repeats,
    std::function<void(std::string const&)> const& on_progress = {});

}  // namespace gasm
