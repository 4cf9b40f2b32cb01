// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "optimizer.hpp"

namespace gasm {

/// AdamW (Loshchilov and Hutter 2019), as optim.implementation says; its state
/// does not depend on that.
class AdamW : public Optimizer {
 public:
  AdamW(OptimConfig const& optim, std::vector<ParameterInfo> parameters,
        std::vector<double> const& scale_of);

  void step(std::vector<at::Tensor> const& grads, double lr) override;
  /// exp_avg.NAME and exp_avg_sq.NAME of every parameter, and num_steps.
  TensorFile state() const override;
  void load_state(TensorFile const& file) override;

 private:
  OptimConfig optim_;
  std::vector<ParameterInfo> parameters_;
  std::vector<OptimizerGroup> groups_;
  std::vector<at::Tensor> exp_avg_;
  std::vector<at::Tensor> exp_avg_sq_;
  std::int64_t num_steps_ = 0;
};

}  // namespace gasm
