// SPDX-License-Identifier: Apache-2.0
#include "gradient_sum.hpp"

#include <cmath>

namespace gasm {
namespace {

// Views start at cache lines: kernels may round differently by alignment.
constexpr std::int64_t kAlignment = 16;

// The last values of a leaf: loss, hits, bad clips.
constexpr std::int64_t kNumCounts = 3;

std::span<float> values_of(at::Tensor const& flat) {
  return {flat.data_ptr<float>(), static_cast<std::size_t>(flat.numel())};
}

at::Tensor view_of(at::Tensor const& flat, std::int64_t offset,
                   at::Tensor const& like) {
  return flat.narrow(0, offset, like.numel()).view(like.sizes());
}

}  // namespace

GradientSum::GradientSum(std::vector<ParameterInfo> const& parameters,
                         std::vector<BatchNorm*> norms)
    : norms_(std::move(norms)), num_statistics_(num_statistics(norms_)) {
  std::vector<std::int64_t> offsets;
  for (auto const& info : parameters) {
    offsets.push_back(num_gradient_values_);
    num_gradient_values_ +=
        (info.parameter.numel() + kAlignment - 1) / kAlignment * kAlignment;
  }
  auto const num_values = num_gradient_values_ + num_statistics_ + kNumCounts;
  leaf_ = at::zeros({num_values});
  total_ = at::zeros({num_values});
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    auto parameter = parameters[i].parameter;
    parameter.mutable_grad() = view_of(leaf_, offsets[i], parameter);
    gradients_.push_back(view_of(total_, offsets[i], parameter));
  }
}

void GradientSum::begin_step(std::int64_t num_micro, std::int64_t num_samples,
                             std::int64_t first_micro, std::int64_t num_mine,
                             double loss_scale) {
  auto const num_values = static_cast<std::size_t>(leaf_.numel());
  sum_ = &sums_.try_emplace(num_micro, num_micro, num_values).first->second;
  sum_->reset(first_micro, num_mine);
  num_samples_ = static_cast<double>(num_samples);
  loss_scale_ = loss_scale;
}

void GradientSum::add_micro_batch(at::Tensor const& loss_sum,
                                  MicroBatchCounts const& counts) {
  leaf_.zero_();
  (loss_sum * (loss_scale_ / num_samples_)).backward();
  torch::NoGradGuard no_grad;
  if (num_statistics_ > 0)
    leaf_.narrow(0, num_gradient_values_, num_statistics_)
        .copy_(batch_statistics(norms_))
        .mul_(static_cast<double>(counts.num_clips) / num_samples_);
  auto const last = values_of(leaf_).last<kNumCounts>();
  last[0] = loss_sum.item<float>();
  last[1] = static_cast<float>(counts.num_top1);
  last[2] = static_cast<float>(counts.num_bad);
  sum_->add_leaf(values_of(leaf_));
}

StepSums GradientSum::finish_step(Collective& collective) {
  auto const values = values_of(total_);
  collective.reduce(*sum_, values);
  if (loss_scale_ != 1.0) flat_gradient().mul_(1.0 / loss_scale_);
  auto const last = values.last<kNumCounts>();
  return {.loss = last[0] / num_samples_,
          .top1 = last[1] / num_samples_,
          .num_bad = std::lround(last[2])};
}

at::Tensor GradientSum::flat_gradient() const {
  return total_.narrow(0, 0, num_gradient_values_);
}

at::Tensor GradientSum::mean_statistics() const {
  return total_.narrow(0, num_gradient_values_, num_statistics_);
}

}  // namespace gasm
