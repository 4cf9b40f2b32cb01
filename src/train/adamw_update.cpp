// SPDX-License-Identifier: Apache-2.0
#include "adamw_update.hpp"

#include <cmath>

namespace gasm {
namespace {

/// 1 - beta^t: what the moments lack of their weight after t updates.
double bias_correction(double beta, std::int64_t t) {
  return 1.0 - std::pow(beta, static_cast<double>(t));
}

void update_fused(AdamWTensors& tensors, AdamWNumbers const& numbers) {
  // The kernel reads the number of this step and does not advance it.
  auto const& like = tensors.parameters.front();
  std::vector<at::Tensor> const steps(
      tensors.parameters.size(), at::full({}, static_cast<double>(numbers.step),
                                          like.options().dtype(at::kFloat)));
  at::_fused_adamw_(tensors.parameters, tensors.gradients, tensors.exp_avg,
                    tensors.exp_avg_sq, {}, steps, numbers.lr, numbers.betas[0],
                    numbers.betas[1], numbers.decay, numbers.eps,
                    /*amsgrad=*/false, /*maximize=*/false);
}

void update_foreach(AdamWTensors& tensors, AdamWNumbers const& numbers) {
  auto const [beta1, beta2] = numbers.betas;
  double const correction1 = bias_correction(beta1, numbers.step);
  double const correction2 = bias_correction(beta2, numbers.step);
  if (numbers.decay > 0)
    at::_foreach_mul_(tensors.parameters, 1.0 - numbers.lr * numbers.decay);
  at::_foreach_lerp_(tensors.exp_avg, tensors.gradients, 1.0 - beta1);
  at::_foreach_mul_(tensors.exp_avg_sq, beta2);
  at::_foreach_addcmul_(tensors.exp_avg_sq, tensors.gradients,
                        tensors.gradients, 1.0 - beta2);
  auto const roots = at::_foreach_sqrt(tensors.exp_avg_sq);
  at::_foreach_div_(roots, std::sqrt(correction2));
  at::_foreach_add_(roots, numbers.eps);
  at::_foreach_addcdiv_(tensors.parameters, tensors.exp_avg, roots,
                        -numbers.lr / correction1);
}

void update_plain(AdamWTensors& tensors, AdamWNumbers const& numbers) {
  auto const [beta1, beta2] = numbers.betas;
  double const correction1 = bias_correction(beta1, numbers.step);
  double const correction2 = bias_correction(beta2, numbers.step);
  for (std::size_t i = 0; i < tensors.parameters.size(); ++i) {
    auto& parameter = tensors.parameters[i];
    at::Tensor const& g = tensors.gradients[i];
    auto& m = tensors.exp_avg[i];
    auto& v = tensors.exp_avg_sq[i];
    if (numbers.decay > 0) parameter.mul_(1.0 - numbers.lr * numbers.decay);
    m.mul_(beta1).add_(g, 1.0 - beta1);
    v.mul_(beta2).add_(g * g, 1.0 - beta2);
    parameter.sub_((m / correction1) / ((v / correction2).sqrt() + numbers.eps),
                   numbers.lr);
  }
}

}  // namespace

void update_adamw(Implementation implementation, AdamWTensors& tensors,
                  AdamWNumbers const& numbers) {
  if (tensors.parameters.empty()) return;
  torch::NoGradGuard const no_grad;
  switch (implementation) {
    case Implementation::fused:
      return update_fused(tensors, numbers);
    case Implementation::foreach:
      return update_foreach(tensors, numbers);
    case Implementation::plain:
      return update_plain(tensors, numbers);
  }
}

}  // namespace gasm
