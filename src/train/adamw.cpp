// SPDX-License-Identifier: Apache-2.0
#include "adamw.hpp"

#include <utility>

#include "adamw_update.hpp"

namespace gasm {

AdamW::AdamW(OptimConfig const& optim, std::vector<ParameterInfo> parameters,
             std::vector<double> const& scale_of)
    : optim_(optim),
      parameters_(std::move(parameters)),
      groups_(group_parameters(optim, parameters_, scale_of)) {
  for (auto const& info : parameters_) {
    exp_avg_.push_back(at::zeros_like(info.parameter));
    exp_avg_sq_.push_back(at::zeros_like(info.parameter));
  }
}

void AdamW::step(std::vector<at::Tensor> const& grads, double lr) {
  ++num_steps_;
  for (auto const& group : groups_) {
    AdamWTensors tensors;
    for (auto const i : group.members) {
      tensors.parameters.push_back(parameters_[i].parameter);
      tensors.gradients.push_back(grads[i]);
      tensors.exp_avg.push_back(exp_avg_[i]);
      tensors.exp_avg_sq.push_back(exp_avg_sq_[i]);
    }
    update_adamw(optim_.implementation, tensors,
                 {.lr = lr * group.lr_scale,
                  .decay = group.decay,
                  .betas = optim_.betas,
                  .eps = optim_.eps,
                  .step = num_steps_});
  }
}

TensorFile AdamW::state() const {
  TensorFile file;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    file.tensors["exp_avg." + parameters_[i].name] = exp_avg_[i];
    file.tensors["exp_avg_sq." + parameters_[i].name] = exp_avg_sq_[i];
  }
  file.tensors["num_steps"] = at::full({}, num_steps_, at::kLong);
  return file;
}

void AdamW::load_state(TensorFile const& file) {
  torch::NoGradGuard no_grad;
  auto num_steps = at::zeros({}, at::kLong);
  copy_optimizer_state(file, "num_steps", num_steps);
  num_steps_ = num_steps.item<std::int64_t>();
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    copy_optimizer_state(file, "exp_avg." + parameters_[i].name, exp_avg_[i]);
    copy_optimizer_state(file, "exp_avg_sq." + parameters_[i].name,
                         exp_avg_sq_[i]);
  }
}

}  // namespace gasm
