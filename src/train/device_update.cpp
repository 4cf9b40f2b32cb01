// SPDX-License-Identifier: Apache-2.0
#include "device_update.hpp"

#include <cmath>
#include <limits>

#include "clip_gradient.hpp"

namespace gasm {
namespace {

at::Tensor scalar_like(at::Tensor const& like, double value) {
  return at::full({}, value, like.options());
}

}  // namespace

DeviceUpdate::DeviceUpdate(RunConfig const& config, DeviceGradientSum& sums,
                           DeviceOptimizer& optimizer,
                           std::vector<BatchNorm*> norms,
                           WeightAverage* average, LossScale const& scale)
    : clip_norm_(config.optim.clip_norm),
      is_scaled_(config.train.precision == Precision::fp16),
      sums_(&sums),
      optimizer_(&optimizer),
      norms_(std::move(norms)),
      average_(average),
      scale_(scalar_like(sums.flat_gradient(), 1.0)),
      scale_age_(scalar_like(sums.flat_gradient(), 0.0)),
      found_(at::zeros({7}, scale_.options().dtype(at::kDouble))) {
  set_scale(scale);
}

void DeviceUpdate::set_scale(LossScale const& scale) {
  scale_.fill_(scale.value);
  scale_age_.fill_(static_cast<double>(scale.steps_since_change));
}

LossScale DeviceUpdate::scale_now() const {
  return {scale_.to(at::kCPU).item<double>(),
          std::llround(scale_age_.to(at::kCPU).item<double>())};
}

at::Tensor DeviceUpdate::gradient_norm() {
  auto const flat = sums_->flat_gradient();
  if (!sums_->is_shared_out()) return block_norms(flat).norm();
  auto squares = at::zeros({}, flat.options().dtype(at::kDouble));
  for (auto const& range : sums_->owned())
    squares.add_(
        block_norms(flat.narrow(0, static_cast<std::int64_t>(range.begin),
                                static_cast<std::int64_t>(range.size)))
            .square()
            .sum());
  // In units of the scale, so that a float holds the square.
  auto const unit = scale_.to(at::kDouble);
  auto const sum = (squares / unit / unit).to(at::kFloat).view({1});
  sums_->add_up(sum);
  return sum.to(at::kDouble).sqrt().squeeze(0) * unit;
}

void DeviceUpdate::run() {
  torch::NoGradGuard const no_grad;
  auto const norm = gradient_norm() / scale_.to(at::kDouble);
  auto const counts = sums_->counts().to(at::kDouble);
  // An infinite variance makes zeros of activations, and a loss like any.
  auto const has_statistics =
      norms_.empty() ? at::ones({}, scale_.options()).to(at::kBool)
                     : at::isfinite(sums_->mean_statistics()).all();
  auto const has_loss = at::isfinite(counts[0]).logical_and(has_statistics);
  auto const is_finite = has_loss.logical_and(at::isfinite(norm));
  found_.copy_(
      at::cat({counts, norm.view({1}), has_statistics.to(at::kDouble).view({1}),
               scale_.to(at::kDouble).view({1}),
               scale_age_.to(at::kDouble).view({1})}));

  auto const found_inf = is_finite.logical_not().to(at::kFloat);
  auto factor = at::ones_like(norm);
  if (clip_norm_ > 0)
    factor = at::where(norm > clip_norm_, clip_norm_ / (norm + 1e-6), factor);
  optimizer_->step(
      {.found_inf = found_inf, .grad_scale = (scale_ / factor).to(at::kFloat)});
  if (average_) average_->update_unless(found_inf);
  move_norms(found_inf);
  if (is_scaled_)
    move_scale(is_finite, has_loss.logical_and(at::isfinite(norm).logical_not())
                              .logical_and(scale_ > kLeastLossScale));
}

// As apply_running_update, but nothing moves where found_inf is 1.
void DeviceUpdate::move_norms(at::Tensor const& found_inf) {
  constexpr double kMomentum = 0.1;
  if (norms_.empty()) return;
  auto const statistics = sums_->mean_statistics();
  auto const is_kept = found_inf > 0;
  std::int64_t at = 0;
  auto const move = [&](at::Tensor const& running) {
    auto const n = running.size(0);
    auto const seen = statistics.narrow(0, at, n);
    running.copy_(at::where(is_kept, running,
                            running * (1.0 - kMomentum) + seen * kMomentum));
    at += n;
  };
  auto const moved = is_kept.logical_not().to(at::kLong);
  for (auto const* norm : norms_) {
    move(norm->running_mean);
    move(norm->running_var);
    at::Tensor(norm->num_batches_tracked).add_(moved);
  }
}

// As next_loss_scale.
void DeviceUpdate::move_scale(at::Tensor const& is_finite,
                              at::Tensor const& has_overflown) {
  auto const grows =
      is_finite.logical_and(scale_age_ + 1 >= kLossScalePatience_steps);
  auto const age = at::where(is_finite, scale_age_ + 1, scale_age_);
  scale_age_.copy_(
      at::where(has_overflown.logical_or(grows), at::zeros_like(age), age));
  auto const grown = (scale_ * 2).clamp_max(kMostLossScale);
  scale_.copy_(
      at::where(has_overflown, scale_ / 2, at::where(grows, grown, scale_)));
}

StepOutcome DeviceUpdate::outcome_of(std::vector<double> const& found,
                                     double num_samples) {
  return {.loss = found.at(0) / num_samples,
          .top1 = found.at(1) / num_samples,
          .num_bad = std::isfinite(found.at(2)) ? std::lround(found[2]) : 0,
          .grad_norm = found.at(3),
          .has_finite_statistics = found.at(4) > 0,
          .scale = {found.at(5), std::llround(found.at(6))}};
}

}  // namespace gasm
