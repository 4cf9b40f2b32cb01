// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "device_gradient_sum.hpp"
#include "device_optimizer.hpp"
#include "gasm/config/run_config.hpp"
#include "gasm/models/batch_norm.hpp"
#include "loss_scale.hpp"
#include "weight_average.hpp"

namespace gasm {

/// What became of a step, as its device found it.
struct StepOutcome {
  double loss = 0.0;  ///< mean over the clips of the global batch
  double top1 = 0.0;
  std::int64_t num_bad = 0;
  double grad_norm = 0.0;
  bool has_finite_statistics = true;
  LossScale scale;  ///< that the step was computed with
};

/// The second half of a step on a device: norm, clipping, whether the step
/// counts, optimiser, average, batch norms, loss scale. All of it is decided
/// on the device, as TrainLoop decides on the host; the host reads of it later.
class DeviceUpdate {
 public:
  /// All must outlive it. `average`: nullptr where none is kept.
  DeviceUpdate(RunConfig const& config, DeviceGradientSum& sums,
               DeviceOptimizer& optimizer, std::vector<BatchNorm*> norms,
               WeightAverage* average, LossScale const& scale);

  /// f32 []: losses are multiplied by it.
  at::Tensor const& scale() const { return scale_; }
  /// The whole update, which a graph may replay on one rank. Collective.
  void run();
  /// What the last run() found, f64 [7]; StepOutcome of these.
  at::Tensor const& found() const { return found_; }
  static StepOutcome outcome_of(std::vector<double> const& found,
                                double num_samples);
  /// The loss scale of the next step. Waits.
  LossScale scale_now() const;
  void set_scale(LossScale const& scale);

 private:
  at::Tensor gradient_norm();
  void move_scale(at::Tensor const& is_finite, at::Tensor const& has_overflown);
  void move_norms(at::Tensor const& found_inf);

  double clip_norm_;
  bool is_scaled_;
  DeviceGradientSum* sums_;
  DeviceOptimizer* optimizer_;
  std::vector<BatchNorm*> norms_;
  WeightAverage* average_;
  at::Tensor scale_;
  at::Tensor scale_age_;  ///< f32 []: steps since it changed
  at::Tensor found_;
};

}  // namespace gasm
