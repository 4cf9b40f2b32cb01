// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <vector>

#include "optimizer.hpp"

namespace gasm {

/// Gradient descent with momentum as PyTorch has it: with the gradient g plus
/// decay times the parameter, v = momentum v + g, and the parameter moves by
/// -lr v, or with Nesterov's momentum by -lr (g + momentum v).
class Sgd : public Optimizer {
 public:
  Sgd(OptimConfig const& optim, std::vector<ParameterInfo> parameters,
      std::vector<double> const& scale_of);

  void step(std::vector<at::Tensor> const& grads, double lr) override;
  /// momentum.NAME of every parameter.
  TensorFile state() const override;
  void load_state(TensorFile const& file) override;

 private:
  OptimConfig optim_;
  std::vector<ParameterInfo> parameters_;
  std::vector<OptimizerGroup> groups_;
  std::vector<at::Tensor> velocity_;
};

}  // namespace gasm
