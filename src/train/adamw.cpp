// SPDX-License-Identifier: Apache-2.0
#include "adamw.hpp"

#include <algorithm>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

void copy_state(TensorFile const& file, std::string const& name,
                at::Tensor const& target) {
  auto const found = file.tensors.find(name);
  if (found == file.tensors.end())
    throw error(
        "the optimiser state lacks {} (a checkpoint of another model). "
        "Try another run.name, or checkpoint.resume: never",
        name);
  if (found->second.sizes() != target.sizes())
    throw error(
        "the optimiser state {} has the shape {}, the model needs {} "
        "(a checkpoint of another model). Try another run.name",
        name, c10::str(found->second.sizes()), c10::str(target.sizes()));
  target.copy_(found->second);
}

}  // namespace

AdamW::AdamW(OptimConfig const& optim, std::vector<ParameterInfo> parameters,
             std::vector<double> scale_of)
    : optim_(optim), parameters_(std::move(parameters)) {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    auto const& parameter = parameters_[i].parameter;
    exp_avg_.push_back(at::zeros_like(parameter));
    exp_avg_sq_.push_back(at::zeros_like(parameter));
    double const decay =
        parameters_[i].decay == WeightDecay::on ? optim.weight_decay : 0.0;
    auto group =
        std::find_if(groups_.begin(), groups_.end(), [&](Group const& g) {
          return g.decay == decay && g.lr_scale == scale_of.at(i);
        });
    if (group == groups_.end())
      group = groups_.insert(group, Group{decay, scale_of.at(i), {}});
    group->members.push_back(i);
  }
}

void AdamW::step(std::vector<at::Tensor> const& grads, double lr) {
  torch::NoGradGuard no_grad;
  ++num_steps_;
  for (auto const& group : groups_) {
    std::vector<at::Tensor> params, gradients, first, second, steps;
    for (auto const i : group.members) {
      params.push_back(parameters_[i].parameter);
      gradients.push_back(grads[i]);
      first.push_back(exp_avg_[i]);
      second.push_back(exp_avg_sq_[i]);
      // The kernel reads the number of this step and does not advance it.
      steps.push_back(at::full({}, static_cast<double>(num_steps_)));
    }
    at::_fused_adamw_(params, gradients, first, second, {}, steps,
                      lr * group.lr_scale, optim_.betas[0], optim_.betas[1],
                      group.decay, optim_.eps, /*amsgrad=*/false,
                      /*maximize=*/false);
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
  copy_state(file, "num_steps", num_steps);
  num_steps_ = num_steps.item<std::int64_t>();
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    copy_state(file, "exp_avg." + parameters_[i].name, exp_avg_[i]);
    copy_state(file, "exp_avg_sq." + parameters_[i].name, exp_avg_sq_[i]);
  }
}

}  // namespace gasm
