// SPDX-License-Identifier: Apache-2.0
#include "ready_hooks.hpp"

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <memory>
#include <utility>

namespace gasm {
namespace {

class ReadyHook : public torch::autograd::PostAccumulateGradHook {
 public:
  ReadyHook(std::function<void(std::size_t)> const& on_ready, std::size_t index)
      : on_ready_(on_ready), index_(index) {}
  void operator()(at::Tensor const& /*parameter*/) override {
    on_ready_(index_);
  }

 private:
  std::function<void(std::size_t)> const& on_ready_;
  std::size_t index_;
};

}  // namespace

ReadyHooks::ReadyHooks(std::vector<at::Tensor> parameters,
                       std::function<void(std::size_t)> on_ready)
    : parameters_(std::move(parameters)), on_ready_(std::move(on_ready)) {
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    torch::autograd::impl::set_post_acc_grad_hooks(
        parameters_[i], std::make_unique<ReadyHook>(on_ready_, i));
}

ReadyHooks::~ReadyHooks() {
  for (auto const& parameter : parameters_)
    torch::autograd::impl::set_post_acc_grad_hooks(parameter, nullptr);
}

}  // namespace gasm
