// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "gasm/comm/communicator.hpp"
#include "gasm/config/run_config.hpp"

namespace gasm {

struct BenchTrainOptions {
  int batch = 16;   ///< clips a rank and step, in one micro-batch
  int warm_up = 3;  ///< steps that do not count
  int num_steps = 20;
  std::function<void(std::string const&)> on_progress = {};
};

/// How fast a configuration's model is trained. Times are medians over the
/// steps of the slowest rank.
struct BenchTrainResult {
  std::string device = "cpu";
  double samples_per_s = 0;        ///< of all ranks together, over all steps
  double flops_a_sample = 0;       ///< of the model, forward and backward
  std::optional<double> mfu = {};  ///< where the device's peak is known
  /// On a GPU, which works behind the host, the mean over all steps; what
  /// follows is 0 there.
  double step_s = 0;
  double forward_s = 0;  ///< and loss
  double backward_s = 0;
  double wait_s = 0;       ///< for the end of the exchange, after backward
  double optimizer_s = 0;  ///< clipping and update
  double comm_s = 0;       ///< gradients were under way, backward or not
  /// Share of that during which backward went on, of the rank that hid least.
  double comm_hidden = 0;
  std::int64_t num_parameters = 0;  ///< that learn
  int num_ranks = 1;
  int batch = 0;  ///< a rank
};

/// Trains on random features that every rank holds, without reading data,
/// validation or checkpoints: the step alone, as `gasm train` does it. A usage
/// error where the model takes no features or cannot be built. Collective.
BenchTrainResult bench_train(Communicator const& world, RunConfig const& config,
                             BenchTrainOptions const& options);

}  // namespace gasm
