// SPDX-License-Identifier: Apache-2.0
#include "sgd.hpp"

#include <utility>

namespace gasm {

Sgd::Sgd(OptimConfig const& optim, std::vector<ParameterInfo> parameters,
         std::vector<double> const& scale_of)
    : optim_(optim),
      parameters_(std::move(parameters)),
      groups_(group_parameters(optim, parameters_, scale_of)) {
  for (auto const& info : parameters_)
    velocity_.push_back(at::zeros_like(info.parameter));
}

void Sgd::step(std::vector<at::Tensor> const& grads, double lr) {
  torch::NoGradGuard no_grad;
  for (auto const& group : groups_)
    for (auto const i : group.members) {
      auto parameter = parameters_[i].parameter;
      at::Tensor const slope = group.decay > 0.0
                                   ? at::add(grads[i], parameter, group.decay)
                                   : grads[i];
      velocity_[i].mul_(optim_.momentum).add_(slope);
      at::Tensor const move =
          optim_.nesterov ? at::add(slope, velocity_[i], optim_.momentum)
                          : velocity_[i];
      parameter.sub_(move, lr * group.lr_scale);
    }
}

TensorFile Sgd::state() const {
  TensorFile file;
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    file.tensors["momentum." + parameters_[i].name] = velocity_[i];
  return file;
}

void Sgd::load_state(TensorFile const& file) {
  torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    copy_optimizer_state(file, "momentum." + parameters_[i].name, velocity_[i]);
}

}  // namespace gasm
