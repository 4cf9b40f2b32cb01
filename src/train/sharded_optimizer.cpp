// SPDX-License-Identifier: Apache-2.0
#include "sharded_optimizer.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace gasm {
namespace {

at::Tensor slice_of(at::Tensor const& tensor, std::int64_t from,
                    std::int64_t count) {
  return tensor.detach().view(-1).narrow(0, from, count);
}

/// "exp_avg" of "exp_avg.head.weight"; nothing of "num_steps".
std::string kind_of(std::string const& key) {
  auto const dot = key.find('.');
  return dot == std::string::npos ? std::string() : key.substr(0, dot);
}

}  // namespace

ShardedOptimizer::ShardedOptimizer(OptimConfig const& optim,
                                   std::vector<ParameterInfo> parameters,
                                   std::vector<double> scale_of,
                                   GradientSum& sums)
    : optim_(optim),
      parameters_(std::move(parameters)),
      scale_of_(std::move(scale_of)),
      sums_(&sums),
      whole_(make_optimizer(optim_, parameters_, scale_of_)) {}

void ShardedOptimizer::step(std::vector<at::Tensor> const& grads, double lr) {
  torch::NoGradGuard no_grad;
  if (!part_) shard();
  std::vector<at::Tensor> parts;
  for (auto const& segment : segments_)
    parts.push_back(
        slice_of(grads[segment.parameter], segment.from, segment.count));
  settle();
  part_->step(parts, lr);
  sums_->post_share(flat_);
}

void ShardedOptimizer::settle() { sums_->finish_share(); }

BlockListener* ShardedOptimizer::begin_forward() {
  if (arrivals_) arrivals_->begin_forward();
  return arrivals_.get();
}

void ShardedOptimizer::shard() {
  flatten_parameters();
  segments_ = owned_segments();
  std::vector<ParameterInfo> infos;
  std::vector<double> scales;
  for (auto const& segment : segments_) {
    infos.push_back(info_of(segment));
    scales.push_back(scale_of_[segment.parameter]);
  }
  part_ = make_optimizer(optim_, std::move(infos), scales);
  auto const whole = whole_->state();
  for (auto const& [key, tensor] : whole.tensors)
    if (auto const kind = kind_of(key); !kind.empty()) kinds_.insert(kind);
  part_->load_state(part_of(whole));
  whole_.reset();
  arrivals_ = std::make_unique<ParameterArrivals>(
      parameters_, sums_->layout().bucket_of,
      [this](std::size_t bucket) { sums_->finish_share(bucket); });
}

void ShardedOptimizer::flatten_parameters() {
  auto const& layout = sums_->layout();
  flat_ = at::zeros(static_cast<std::int64_t>(layout.num_gradient_values));
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    auto parameter = parameters_[i].parameter;
    auto const place =
        flat_
            .narrow(0, static_cast<std::int64_t>(layout.offset_of[i]),
                    parameter.numel())
            .view(parameter.sizes());
    place.copy_(parameter);
    parameter.set_data(place);
  }
}

std::vector<ShardedOptimizer::Segment> ShardedOptimizer::owned_segments()
    const {
  auto const& layout = sums_->layout();
  std::vector<Segment> segments;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    auto const begin = layout.offset_of[i];
    auto const end =
        begin + static_cast<std::size_t>(parameters_[i].parameter.numel());
    for (auto const& range : sums_->owned()) {
      auto const from = std::max(begin, range.begin);
      auto const to = std::min(end, range.begin + range.size);
      if (from < to)
        segments.push_back({i, static_cast<std::int64_t>(from - begin),
                            static_cast<std::int64_t>(to - from)});
    }
  }
  return segments;
}

ParameterInfo ShardedOptimizer::info_of(Segment const& segment) const {
  auto info = parameters_[segment.parameter];
  info.parameter = slice_of(info.parameter, segment.from, segment.count);
  info.name += "@" + std::to_string(segment.from);
  return info;
}

TensorFile ShardedOptimizer::part_of(TensorFile const& whole) const {
  TensorFile part;
  for (auto const& [key, tensor] : whole.tensors)
    if (kind_of(key).empty()) part.tensors.emplace(key, tensor);
  for (auto const& kind : kinds_)
    for (auto const& segment : segments_) {
      auto const& name = parameters_[segment.parameter].name;
      part.tensors.emplace(kind + "." + info_of(segment).name,
                           slice_of(whole.tensors.at(kind + "." + name),
                                    segment.from, segment.count));
    }
  return part;
}

TensorFile ShardedOptimizer::state() const {
  if (whole_) return whole_->state();
  torch::NoGradGuard no_grad;
  auto const part = part_->state();
  auto const& layout = sums_->layout();
  TensorFile whole;
  for (auto const& kind : kinds_) {
    auto const flat = at::zeros_like(flat_);
    for (auto const& segment : segments_)
      flat.narrow(
              0,
              static_cast<std::int64_t>(layout.offset_of[segment.parameter]) +
                  segment.from,
              segment.count)
          .copy_(part.tensors.at(kind + "." + info_of(segment).name));
    sums_->finish_share();
    sums_->post_share(flat);
    sums_->finish_share();
    for (std::size_t i = 0; i < parameters_.size(); ++i)
      whole.tensors.emplace(
          kind + "." + parameters_[i].name,
          flat.narrow(0, static_cast<std::int64_t>(layout.offset_of[i]),
                      parameters_[i].parameter.numel())
              .view(parameters_[i].parameter.sizes()));
  }
  for (auto const& [key, tensor] : part.tensors)
    if (kind_of(key).empty()) whole.tensors.emplace(key, tensor);
  return whole;
}

TensorShare ShardedOptimizer::share() const {
  if (whole_) return whole_->share();
  auto const part = part_->state();
  TensorShare share{.common = {}, .own = {}, .slices = {}, .is_divided = true};
  for (auto const& kind : kinds_)
    for (auto const& segment : segments_) {
      auto const name = kind + "." + info_of(segment).name;
      auto const& parameter = parameters_[segment.parameter];
      share.own.emplace(name, part.tensors.at(name));
      share.slices.emplace(
          name, TensorSlice{.of = kind + "." + parameter.name,
                            .from = segment.from,
                            .shape = parameter.parameter.sizes().vec()});
    }
  for (auto const& [key, tensor] : part.tensors)
    if (kind_of(key).empty()) share.common.tensors.emplace(key, tensor);
  return share;
}

void ShardedOptimizer::load_state(TensorFile const& file) {
  if (whole_) return whole_->load_state(file);
  part_->load_state(part_of(file));
}

}  // namespace gasm
