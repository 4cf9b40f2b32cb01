// SPDX-License-Identifier: Apache-2.0
#include "device_optimizer.hpp"

#include <algorithm>
#include <utility>

namespace gasm {
namespace {

at::Tensor slice_of(at::Tensor const& tensor, std::int64_t from,
                    std::int64_t count) {
  return tensor.detach().view(-1).narrow(0, from, count);
}

constexpr char const* kSteps = "num_steps";

}  // namespace

DeviceOptimizer::DeviceOptimizer(OptimConfig const& optim,
                                 std::vector<ParameterInfo> parameters,
                                 std::vector<double> const& scale_of,
                                 DeviceGradientSum& sums)
    : optim_(optim),
      parameters_(std::move(parameters)),
      scale_of_(scale_of),
      sums_(&sums),
      kinds_(optim.kind == OptimKind::adamw
                 ? std::vector<std::string>{"exp_avg", "exp_avg_sq"}
                 : std::vector<std::string>{"momentum"}) {}

void DeviceOptimizer::set_rate(double lr) {
  lr_ = lr;
  for (auto& group : groups_) group.lr.fill_(lr * group.what.lr_scale);
}

void DeviceOptimizer::step(UpdateDecision const& decision) {
  torch::NoGradGuard const no_grad;
  if (!is_built()) build();
  steps_.add_(1.0 - decision.found_inf);
  for (auto& group : groups_) update(group, decision);
  sums_->share(flat_);
}

void DeviceOptimizer::update(Group& group, UpdateDecision const& decision) {
  auto const& what = group.what;
  if (group.parameters.empty()) return;
  if (optim_.kind == OptimKind::sgd)
    return at::_fused_sgd_(group.parameters, group.gradients, group.moments[0],
                           what.decay, optim_.momentum, group.lr,
                           /*dampening=*/0.0, optim_.nesterov,
                           /*maximize=*/false, /*is_first_step=*/false,
                           decision.grad_scale, decision.found_inf);
  std::vector<at::Tensor> const steps(group.parameters.size(), steps_);
  at::_fused_adamw_(group.parameters, group.gradients, group.moments[0],
                    group.moments[1], {}, steps, group.lr, optim_.betas[0],
                    optim_.betas[1], what.decay, optim_.eps, /*amsgrad=*/false,
                    /*maximize=*/false, decision.grad_scale,
                    decision.found_inf);
}

void DeviceOptimizer::build() {
  auto const& layout = sums_->layout();
  auto const gradient = sums_->flat_gradient();
  flat_ = at::zeros_like(gradient);
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    auto parameter = parameters_[i].parameter;
    auto const place =
        slice_of(flat_, static_cast<std::int64_t>(layout.offset_of[i]),
                 parameter.numel())
            .view(parameter.sizes());
    place.copy_(parameter);
    parameter.set_data(place);
  }
  find_segments();
  auto const num_kept =
      segments_.empty() ? 0 : segments_.back().place + segments_.back().count;
  moments_.clear();
  for (std::size_t k = 0; k < kinds_.size(); ++k)
    moments_.push_back(at::zeros(num_kept, gradient.options()));
  steps_ = at::zeros({}, gradient.options());
  for (auto& what : group_parameters(optim_, parameters_, scale_of_)) {
    Group group{.what = std::move(what),
                .lr = at::zeros({}, gradient.options()),
                .parameters = {},
                .gradients = {},
                .moments = {}};
    group.moments.resize(kinds_.size());
    for (auto const i : group.what.members)
      for (auto const& segment : segments_)
        if (segment.parameter == i) add_segment(group, segment);
    groups_.push_back(std::move(group));
  }
  set_rate(lr_);
  if (loaded_) put(*std::exchange(loaded_, std::nullopt));
}

void DeviceOptimizer::find_segments() {
  auto const& layout = sums_->layout();
  auto const owned = sums_->owned();
  std::int64_t place = 0;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    auto const begin = layout.offset_of[i];
    auto const end =
        begin + static_cast<std::size_t>(parameters_[i].parameter.numel());
    for (auto const& range : owned) {
      auto const from = std::max(begin, range.begin);
      auto const to = std::min(end, range.begin + range.size);
      if (from >= to) continue;
      auto const count = static_cast<std::int64_t>(to - from);
      segments_.push_back(
          {i, static_cast<std::int64_t>(from - begin), count, place});
      place += count;
    }
  }
}

void DeviceOptimizer::add_segment(Group& group, Segment const& segment) {
  auto const i = segment.parameter;
  group.parameters.push_back(
      slice_of(parameters_[i].parameter, segment.from, segment.count));
  group.gradients.push_back(
      slice_of(sums_->gradients()[i], segment.from, segment.count));
  for (std::size_t k = 0; k < kinds_.size(); ++k)
    group.moments[k].push_back(
        moments_[k].narrow(0, segment.place, segment.count));
}

TensorFile DeviceOptimizer::empty_state() const {
  TensorFile file;
  for (auto const& kind : kinds_)
    for (auto const& info : parameters_)
      file.tensors.emplace(
          kind + "." + info.name,
          at::zeros(info.parameter.sizes(), at::TensorOptions(at::kFloat)));
  if (optim_.kind == OptimKind::adamw)
    file.tensors.emplace(kSteps, at::zeros({}, at::kLong));
  return file;
}

TensorFile DeviceOptimizer::state() const {
  torch::NoGradGuard const no_grad;
  if (!is_built()) return loaded_ ? *loaded_ : empty_state();
  auto const& layout = sums_->layout();
  auto whole = empty_state();
  for (std::size_t k = 0; k < kinds_.size(); ++k) {
    auto const flat = at::zeros_like(flat_);
    for (auto const& segment : segments_)
      slice_of(flat,
               static_cast<std::int64_t>(layout.offset_of[segment.parameter]) +
                   segment.from,
               segment.count)
          .copy_(moments_[k].narrow(0, segment.place, segment.count));
    sums_->share(flat);
    auto const there = flat.to(at::kCPU);
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      auto& target = whole.tensors.at(kinds_[k] + "." + parameters_[i].name);
      target.copy_(slice_of(there,
                            static_cast<std::int64_t>(layout.offset_of[i]),
                            target.numel())
                       .view(target.sizes()));
    }
  }
  if (optim_.kind == OptimKind::adamw)
    whole.tensors.at(kSteps).copy_(steps_.to(at::kCPU));
  return whole;
}

TensorShare DeviceOptimizer::share() const {
  if (!is_built() || !sums_->is_shared_out())
    return {.common = state(), .own = {}, .slices = {}, .is_divided = false};
  TensorShare share{.common = {}, .own = {}, .slices = {}, .is_divided = true};
  for (std::size_t k = 0; k < kinds_.size(); ++k)
    for (auto const& segment : segments_) {
      auto const& parameter = parameters_[segment.parameter];
      auto const whole = kinds_[k] + "." + parameter.name;
      auto const name = whole + "@" + std::to_string(segment.from);
      share.own.emplace(name,
                        moments_[k].narrow(0, segment.place, segment.count));
      share.slices.emplace(
          name, TensorSlice{.of = whole,
                            .from = segment.from,
                            .shape = parameter.parameter.sizes().vec()});
    }
  if (optim_.kind == OptimKind::adamw)
    share.common.tensors.emplace(kSteps, steps_.to(at::kCPU, at::kLong));
  return share;
}

void DeviceOptimizer::load_state(TensorFile const& file) {
  auto checked = empty_state();
  for (auto& [name, tensor] : checked.tensors)
    copy_optimizer_state(file, name, tensor);
  if (is_built())
    put(checked);
  else
    loaded_ = std::move(checked);
}

void DeviceOptimizer::put(TensorFile const& file) {
  torch::NoGradGuard const no_grad;
  for (std::size_t k = 0; k < kinds_.size(); ++k)
    for (auto const& segment : segments_)
      moments_[k]
          .narrow(0, segment.place, segment.count)
          .copy_(slice_of(file.tensors.at(kinds_[k] + "." +
                                          parameters_[segment.parameter].name),
                          segment.from, segment.count));
  if (optim_.kind == OptimKind::adamw) steps_.copy_(file.tensors.at(kSteps));
}

}  // namespace gasm
