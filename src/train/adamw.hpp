// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "gasm/ckpt/safetensors.hpp"
#include "gasm/config/optim_config.hpp"
#include "gasm/models/model_summary.hpp"

namespace gasm {

/// AdamW (Loshchilov and Hutter 2019) over named parameters, by LibTorch's
/// fused kernel. Decay applies to matrices only (parameter_groups), and
/// backbones that started from pretrained weights learn at their own scale.
class AdamW {
 public:
  /// `scale_of[i]` multiplies the learning rate of `parameters[i]`.
  AdamW(OptimConfig const& optim, std::vector<ParameterInfo> parameters,
        std::vector<double> scale_of);

  /// One update. `grads[i]` has the shape of parameter i.
  void step(std::vector<at::Tensor> const& grads, double lr);

  /// exp_avg.NAME and exp_avg_sq.NAME of every parameter, and num_steps.
  TensorFile state() const;
  /// The reverse; an Error names what is missing or misshapen.
  void load_state(TensorFile const& file);

 private:
  struct Group {
    double decay;
    double lr_scale;
    std::vector<std::size_t> members;
  };

  OptimConfig optim_;
  std::vector<ParameterInfo> parameters_;
  std::vector<Group> groups_;
  std::vector<at::Tensor> exp_avg_;
  std::vector<at::Tensor> exp_avg_sq_;
  std::int64_t num_steps_ = 0;
};

}  // namespace gasm
