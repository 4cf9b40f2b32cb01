// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "gasm/ckpt/tensor_share.hpp"
#include "gasm/config/optim_config.hpp"
#include "gasm/models/block_listener.hpp"
#include "gasm/models/model_summary.hpp"

namespace gasm {

/// What survives a restart of whatever moves parameters.
class OptimizerState {
 public:
  virtual ~OptimizerState() = default;

  /// What it remembers of each parameter, as WHAT.NAME. Collective where it is
  /// shared out over the ranks.
  virtual TensorFile state() const = 0;
  /// What this rank has of it, without communication, for a checkpoint: the
  /// tensors themselves, which the next step changes.
  virtual TensorShare share() const {
    return {.common = state(), .own = {}, .slices = {}, .is_divided = false};
  }
  /// The reverse; an Error names what is missing or misshapen.
  virtual void load_state(TensorFile const& file) = 0;
};

/// Moves named parameters along their gradients. Decay applies to matrices
/// only (parameter_groups), and each parameter has its own share of the
/// learning rate. One whose memory is shared out over the ranks is collective
/// (ShardedOptimizer), and its parameters arrive after step(): settle() before
/// they are read, except in a forward pass that begin_forward()'s listener is
/// told of.
class Optimizer : public OptimizerState {
 public:
  /// One update. `grads[i]` has the shape of parameter i.
  virtual void step(std::vector<at::Tensor> const& grads, double lr) = 0;
  /// Returns when all parameters are what step() has made of them.
  virtual void settle() {}
  /// A forward pass begins: who is to be told of its blocks (may be null).
  virtual BlockListener* begin_forward() { return nullptr; }
};

/// Of optim.kind. `scale_of[i]` multiplies the learning rate of
/// `parameters[i]`.
std::unique_ptr<Optimizer> make_optimizer(OptimConfig const& optim,
                                          std::vector<ParameterInfo> parameters,
                                          std::vector<double> const& scale_of);

/// Parameters that are treated alike, by their places in the list.
struct OptimizerGroup {
  double decay;
  double lr_scale;
  std::vector<std::size_t> members;
};
std::vector<OptimizerGroup> group_parameters(
    OptimConfig const& optim, std::vector<ParameterInfo> const& parameters,
    std::vector<double> const& scale_of);

/// Copies the tensor `name` of an optimiser's state into `target`. An Error if
/// it is missing or misshapen.
void copy_optimizer_state(TensorFile const& file, std::string const& name,
                          at::Tensor const& target);

}  // namespace gasm
