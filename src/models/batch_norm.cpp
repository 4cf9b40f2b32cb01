// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/batch_norm.hpp"

#include "gasm/base/error.hpp"
#include "gasm/models/named_tensors.hpp"

namespace gasm {

BatchNorm::BatchNorm(std::int64_t channels, double eps) : eps_(eps) {
  weight = register_parameter("weight", torch::ones({channels}));
  bias = register_parameter("bias", torch::zeros({channels}));
  running_mean = register_buffer("running_mean", torch::zeros({channels}));
  running_var = register_buffer("running_var", torch::ones({channels}));
  num_batches_tracked =
      register_buffer("num_batches_tracked", torch::zeros({}, at::kLong));
}

at::Tensor BatchNorm::forward(at::Tensor const& x) {
  if (!is_training() || !is_tracking()) {
    return std::get<0>(at::native_batch_norm(x, weight, bias, running_mean,
                                             running_var, false, 0.0, eps_));
  }
  std::int64_t const count = x.numel() / channels();
  if (count < 2)
    throw error(
        "batch norm over {} has one value a channel (no variance). Try a "
        "micro-batch of at least 2",
        shape_text(x));
  auto const [y, mean, inverse_std] =
      at::native_batch_norm(x, weight, bias, {}, {}, true, 0.0, eps_);
  at::NoGradGuard const no_grad;
  auto const n = static_cast<double>(count);
  last_mean = mean.to(at::kFloat);
  last_var = inverse_std.to(at::kFloat)
                 .pow(-2.0)
                 .sub_(eps_)
                 .clamp_min_(0.0)
                 .mul_(n / (n - 1.0));
  return y;
}

std::vector<BatchNorm*> collect_batch_norms(torch::nn::Module& module) {
  std::vector<BatchNorm*> found;
  for (auto const& child : module.modules(/*include_self=*/false))
    if (auto* norm = child->as<BatchNorm>(); norm && norm->is_tracking())
      found.push_back(norm);
  return found;
}

std::int64_t num_statistics(std::vector<BatchNorm*> const& norms) {
  std::int64_t total = 0;
  for (BatchNorm const* norm : norms) total += 2 * norm->channels();
  return total;
}

at::Tensor batch_statistics(std::vector<BatchNorm*> const& norms) {
  if (norms.empty()) return {};
  std::vector<at::Tensor> pieces;
  for (BatchNorm const* norm : norms) {
    if (!norm->last_mean.defined())
      throw error(
          "a batch norm of {} channels has seen no training batch (its "
          "statistics were asked for before a forward in training mode)",
          norm->channels());
    pieces.push_back(norm->last_mean);
    pieces.push_back(norm->last_var);
  }
  return at::cat(pieces);
}

void apply_running_update(std::vector<BatchNorm*> const& norms,
                          at::Tensor const& averaged, double momentum) {
  if (norms.empty()) return;
  if (averaged.dim() != 1 || averaged.size(0) != num_statistics(norms))
    throw error("batch-norm statistics of shape {} for norms that need [{}]",
                shape_text(averaged), num_statistics(norms));
  at::NoGradGuard const no_grad;
  std::int64_t at = 0;
  auto const move = [&](at::Tensor& running) {
    std::int64_t const n = running.size(0);
    at::Tensor const seen = averaged.narrow(0, at, n).to(running.device());
    running.mul_(1.0 - momentum).add_(seen, momentum);
    at += n;
  };
  for (BatchNorm* norm : norms) {
    move(norm->running_mean);
    move(norm->running_var);
    norm->num_batches_tracked.add_(1);
  }
}

}  // namespace gasm
