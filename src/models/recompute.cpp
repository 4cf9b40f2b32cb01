// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/recompute.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "gasm/models/autocast.hpp"
#include "gasm/models/block_listener.hpp"

namespace gasm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Generator default_generator(at::Device device) {
  return at::globalContext().defaultGenerator(device);
}

/// The state of the generators that dropout on these devices draws from.
class RandomState {
 public:
  explicit RandomState(at::Device device) {
    remember(at::kCPU);
    if (device.type() != at::kCPU) remember(device);
  }
  void restore() const {
    for (auto const& [device, state] : states_)
      default_generator(device).set_state(state);
  }

 private:
  void remember(at::Device device) {
    states_.emplace_back(device, default_generator(device).get_state());
  }

  std::vector<std::pair<at::Device, at::Tensor>> states_;
};

/// What the second pass needs beside the tensors.
struct Repeat : torch::CustomClassHolder {
  Repeat(BlockForward call, at::Device device, std::size_t count)
      : forward(std::move(call)),
        random(device),
        autocast(current_autocast(device.type())),
        num_inputs(count) {}

  BlockForward forward;
  RandomState random;
  Autocast autocast;
  std::size_t num_inputs;
};

struct Recompute : torch::autograd::Function<Recompute> {
  /// tensors: the inputs, then the parameters that want a gradient.
  static variable_list forward(AutogradContext* context,
                               c10::intrusive_ptr<Repeat> const& repeat,
                               at::TensorList tensors) {
    context->save_for_backward(tensors.vec());
    context->saved_data["repeat"] = c10::IValue::make_capsule(repeat);
    // A copy in 16 bit that is made here has no gradient: not to be kept.
    AutocastCacheOff const no_cache;
    return repeat->forward(tensors.slice(0, repeat->num_inputs).vec());
  }

  static variable_list backward(AutogradContext* context,
                                variable_list const& output_grads) {
    auto const repeat = c10::static_intrusive_pointer_cast<Repeat>(
        context->saved_data["repeat"].toCapsule());
    auto tensors = context->get_saved_variables();
    for (std::size_t i = 0; i < repeat->num_inputs; ++i)
      tensors[i] =
          tensors[i].detach().set_requires_grad(tensors[i].requires_grad());
    variable_list grads(1);  // of `repeat`
    auto const found = gradients(*repeat, tensors, output_grads);
    grads.insert(grads.end(), found.begin(), found.end());
    return grads;
  }

 private:
  static variable_list gradients(Repeat const& repeat,
                                 variable_list const& tensors,
                                 variable_list const& output_grads) {
    auto const inputs = at::TensorList(tensors).slice(0, repeat.num_inputs);
    RandomState const now(inputs.front().device());
    repeat.random.restore();
    variable_list outputs;
    {
      at::AutoGradMode const with_grad(true);
      AutocastGuard const autocast(repeat.autocast);
      outputs = repeat.forward(inputs.vec());
    }
    now.restore();
    variable_list wanted, wanted_grads, learned;
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i].requires_grad() && output_grads[i].defined()) {
        wanted.push_back(outputs[i]);
        wanted_grads.push_back(output_grads[i]);
      }
    for (auto const& tensor : tensors)
      if (tensor.requires_grad()) learned.push_back(tensor);
    auto const found =
        torch::autograd::grad(wanted, learned, wanted_grads,
                              /*retain_graph=*/false, /*create_graph=*/false,
                              /*allow_unused=*/true);
    variable_list grads;
    auto next = found.begin();
    for (auto const& tensor : tensors)
      grads.push_back(tensor.requires_grad() ? *next++ : at::Tensor());
    return grads;
  }
};

}  // namespace

std::vector<at::Tensor> recomputed(torch::nn::Module const& block,
                                   BlockForward const& forward,
                                   std::vector<at::Tensor> const& inputs) {
  announce_block(block);
  std::vector<at::Tensor> tensors = inputs;
  for (auto const& parameter : block.parameters())
    if (parameter.requires_grad()) tensors.push_back(parameter);
  bool const learns =
      at::GradMode::is_enabled() &&
      std::any_of(tensors.begin(), tensors.end(),
                  [](at::Tensor const& t) { return t.requires_grad(); });
  if (!learns) return forward(inputs);
  auto const repeat = c10::make_intrusive<Repeat>(
      forward, inputs.front().device(), inputs.size());
  return Recompute::apply(repeat, at::TensorList(tensors));
}

at::Tensor run_block(Activations activations, torch::nn::Module const& block,
                     std::function<at::Tensor(at::Tensor const&)> forward,
                     at::Tensor const& input) {
  if (activations == Activations::kept) {
    announce_block(block);
    return forward(input);
  }
  auto const call = [forward =
                         std::move(forward)](std::vector<at::Tensor> const& x) {
    return std::vector<at::Tensor>{forward(x.front())};
  };
  return recomputed(block, call, {input}).front();
}

}  // namespace gasm
