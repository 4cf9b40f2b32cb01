// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "gasm/models/model_summary.hpp"
#include "gasm/models/named_tensors.hpp"

namespace gasm {

/// The exponential moving average of the parameters that learn (Polyak and
/// Juditsky, 1992, in the form of Tan and Le, EfficientNet, 2019). Buffers,
/// such as batch-norm statistics, are averages already: the model's are taken.
/// Every rank keeps the same average without communication.
class WeightAverage {
 public:
  /// Begins with the parameters as they are. `decay`: in (0, 1).
  WeightAverage(double decay, std::vector<ParameterInfo> const& parameters);

  /// average = d average + (1 - d) parameter, d = average_decay(num_updates).
  /// After each step of the optimiser.
  void update();
  /// The same where `found_inf` (f32 [], beside the parameters) is 0; where it
  /// is 1 nothing happens. Decided there, without waiting.
  void update_unless(at::Tensor const& found_inf);
  /// Waits for the device, if that counts.
  std::int64_t num_updates() const;

  /// A state dict of the model with the averages in it: theirs replace the
  /// tensors of the same name in `state`.
  NamedTensors put_into(NamedTensors state) const;
  /// The reverse: what is in `tensors` besides averages is left alone. An
  /// Error names what is missing or misshapen.
  void load(TensorMap const& tensors, std::int64_t num_updates);

  /// Exchanges averages and parameters, in place and bit for bit.
  void swap();

 private:
  double decay_;
  std::vector<std::string> names_;
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> averages_;
  std::int64_t num_updates_ = 0;
  at::Tensor counted_;  ///< f32 []: num_updates where the device decides
};

/// The share of an average that an update keeps after `num_updates`: less
/// than `decay` at first, (1 + t) / (10 + t), or the first weights would stay
/// in it for 1 / (1 - decay) steps.
double average_decay(double decay, std::int64_t num_updates);

/// While it lives, the model computes with its averages (nullptr: as it is).
class AveragedModel {
 public:
  explicit AveragedModel(WeightAverage* average);
  ~AveragedModel();
  AveragedModel(AveragedModel const&) = delete;
  AveragedModel& operator=(AveragedModel const&) = delete;

 private:
  WeightAverage* average_;
};

}  // namespace gasm
