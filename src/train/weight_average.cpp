// SPDX-License-Identifier: Apache-2.0
#include "weight_average.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "gasm/base/error.hpp"

namespace gasm {

double average_decay(double decay, std::int64_t num_updates) {
  auto const t = static_cast<double>(num_updates);
  return std::min(decay, (1.0 + t) / (10.0 + t));
}

WeightAverage::WeightAverage(double decay,
                             std::vector<ParameterInfo> const& parameters)
    : decay_(decay) {
  torch::NoGradGuard const no_grad;
  for (auto const& info : parameters) {
    names_.push_back(info.name);
    parameters_.push_back(info.parameter);
    averages_.push_back(info.parameter.detach().clone());
  }
}

void WeightAverage::update() {
  torch::NoGradGuard const no_grad;
  double const kept = average_decay(decay_, num_updates_);
  if (!averages_.empty())
    at::_foreach_lerp_(averages_, parameters_, 1.0 - kept);
  ++num_updates_;
}

void WeightAverage::update_unless(at::Tensor const& found_inf) {
  torch::NoGradGuard const no_grad;
  if (!counted_.defined())
    counted_ =
        at::full({}, static_cast<double>(num_updates_), found_inf.options());
  auto const kept = ((1.0 + counted_) / (10.0 + counted_)).clamp_max(decay_);
  auto const share = (1.0 - kept) * (1.0 - found_inf);
  if (!averages_.empty()) {
    auto const changes = at::_foreach_sub(parameters_, averages_);
    at::_foreach_mul_(changes, share);
    at::_foreach_add_(averages_, changes);
  }
  counted_.add_(1.0 - found_inf);
}

std::int64_t WeightAverage::num_updates() const {
  if (!counted_.defined()) return num_updates_;
  return std::llround(counted_.to(at::kCPU).item<double>());
}

NamedTensors WeightAverage::put_into(NamedTensors state) const {
  std::map<std::string, at::Tensor> average_of;
  for (std::size_t i = 0; i < names_.size(); ++i)
    average_of.emplace(names_[i], averages_[i]);
  for (auto& [name, tensor] : state)
    if (auto const found = average_of.find(name); found != average_of.end())
      tensor = found->second;
  return state;
}

void WeightAverage::load(TensorMap const& tensors, std::int64_t num_updates) {
  torch::NoGradGuard const no_grad;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    auto const found = tensors.find(names_[i]);
    if (found == tensors.end())
      throw error(
          "the averaged weights lack {} (of another model). Try another "
          "run.name",
          names_[i]);
    if (found->second.sizes() != averages_[i].sizes())
      throw error(
          "the averaged weights {} have the shape {}, the model needs {} "
          "(of another model). Try another run.name",
          names_[i], shape_text(found->second), shape_text(averages_[i]));
    averages_[i].copy_(found->second);
  }
  num_updates_ = num_updates;
  counted_.reset();
}

void WeightAverage::swap() {
  torch::NoGradGuard const no_grad;
  for (std::size_t i = 0; i < averages_.size(); ++i) {
    at::Tensor const parameter = parameters_[i].detach().clone();
    parameters_[i].copy_(averages_[i]);
    averages_[i].copy_(parameter);
  }
}

AveragedModel::AveragedModel(WeightAverage* average) : average_(average) {
  if (average_) average_->swap();
}

AveragedModel::~AveragedModel() {
  if (average_) average_->swap();
}

}  // namespace gasm
