// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/frozen_casts.hpp"

namespace gasm {
namespace {

/// Those whose weight autocast casts, and nothing else reads.
bool is_product(torch::nn::Module const& module) {
  return module.as<torch::nn::LinearImpl>() != nullptr ||
         module.as<torch::nn::Conv2dImpl>() != nullptr ||
         module.as<torch::nn::Conv3dImpl>() != nullptr;
}

}  // namespace

FrozenCasts::FrozenCasts(torch::nn::Module const& model,
                         Autocast const& autocast) {
  if (!autocast.is_on) return;
  for (auto const& module : model.modules(/*include_self=*/false))
    if (is_product(*module))
      add(module->named_parameters()["weight"], autocast.type);
  swap();
}

FrozenCasts::~FrozenCasts() { swap(); }

void FrozenCasts::add(at::Tensor const& parameter, at::ScalarType type) {
  if (parameter.requires_grad() || parameter.scalar_type() != at::kFloat)
    return;
  torch::NoGradGuard no_grad;
  swaps_.emplace_back(parameter, parameter.to(type));
}

void FrozenCasts::swap() {
  for (auto& [parameter, other] : swaps_) {
    auto const now = parameter.detach();
    parameter.set_data(other);
    other = now;
  }
}

FrozenCasts::Pause::Pause(FrozenCasts& casts) : casts_(casts) { casts_.swap(); }
FrozenCasts::Pause::~Pause() { casts_.swap(); }

}  // namespace gasm
