// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "device_gradient_sum.hpp"
#include "optimizer.hpp"

namespace gasm {

/// What a device decides about an update, each f32 [] on the device.
struct UpdateDecision {
  at::Tensor found_inf;   ///< 1: the step changes nothing; else 0
  at::Tensor grad_scale;  ///< gradients are divided by it
};

/// The optimiser of optim.kind on a GPU: torch's fused kernels, which ask the
/// device and not the host whether a step counts. Where gradients are shared
/// out (ZeRO-1) each rank moves what it owns, and shares it. The state is that
/// of Optimizer, whole and in host memory, so that checkpoints know no device.
class DeviceOptimizer : public OptimizerState {
 public:
  /// `sums` must outlive it, and sum the gradients of `parameters`.
  DeviceOptimizer(OptimConfig const& optim,
                  std::vector<ParameterInfo> parameters,
                  std::vector<double> const& scale_of, DeviceGradientSum& sums);

  /// The learning rate of the next step(). Not part of a graph.
  void set_rate(double lr);
  /// One update. Does not wait. Collective where gradients are shared out.
  void step(UpdateDecision const& decision);

  /// Collective where gradients are shared out; waits.
  TensorFile state() const override;
  TensorShare share() const override;
  void load_state(TensorFile const& file) override;

 private:
  /// Values from .. from + count - 1 of a parameter, at `place` of what this
  /// rank keeps.
  struct Segment {
    std::size_t parameter;
    std::int64_t from, count, place;
  };
  /// What is updated in one call.
  struct Group {
    OptimizerGroup what;
    at::Tensor lr;  ///< f32 []
    std::vector<at::Tensor> parameters, gradients;
    std::vector<std::vector<at::Tensor>> moments;  ///< by kind
  };

  bool is_built() const { return !groups_.empty(); }
  void build();
  void find_segments();
  void add_segment(Group& group, Segment const& segment);
  void update(Group& group, UpdateDecision const& decision);
  TensorFile empty_state() const;
  void put(TensorFile const& file);

  OptimConfig optim_;
  std::vector<ParameterInfo> parameters_;
  std::vector<double> scale_of_;
  DeviceGradientSum* sums_;
  std::vector<std::string> kinds_;    ///< of moments
  std::optional<TensorFile> loaded_;  ///< until the first step
  std::vector<Segment> segments_;
  std::vector<Group> groups_;
  std::vector<at::Tensor> moments_;  ///< by kind: what this rank keeps
  at::Tensor flat_;   ///< all parameters, laid out as their gradients
  at::Tensor steps_;  ///< f32 []: updates so far
  double lr_ = 0.0;
};

}  // namespace gasm
