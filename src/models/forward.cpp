// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/forward.hpp"

#include <fmt/ranges.h>

#include <initializer_list>
#include <string_view>

#include "gasm/base/error.hpp"
#include "gasm/models/gasm_cast.hpp"
#include "gasm/models/recogniser.hpp"
#include "gasm/models/weight_names.hpp"

namespace gasm {
namespace {

/// The inputs a model reads; others are an error, but a stream that the
/// fusion kind leaves out may be there.
void check_names(TensorMap const& inputs,
                 std::vector<std::string_view> const& allowed) {
  for (auto const& [name, tensor] : inputs) {
    bool known = false;
    for (std::string_view const one : allowed) known = known || name == one;
    if (!known)
      throw error("no model reads an input {} (this one reads {})", name,
                  fmt::join(allowed, ", "));
  }
}

at::Tensor input(TensorMap const& inputs, std::string const& name) {
  auto const found = inputs.find(name);
  return found == inputs.end() ? at::Tensor() : found->second;
}

at::Tensor float_input(TensorMap const& inputs, std::string const& name) {
  at::Tensor const x = input(inputs, name);
  if (x.defined() && !x.is_floating_point())
    throw error("the input {} holds {}, not floating-point numbers", name,
                c10::toString(x.scalar_type()));
  return x.defined() ? x.to(at::kFloat) : x;
}

TensorMap collect_outputs(at::Tensor const& logits, Trace const& trace) {
  TensorMap outputs = {{"logits", logits}};
  for (auto const& [name, tensor] : trace) {
    bool const pooled = name.ends_with("pooled");
    outputs[pooled ? name : "trace." + name] = tensor.contiguous();
  }
  return outputs;
}

/// Where the number of classes can be read.
std::vector<char const*> head_names(ModelKind kind) {
  if (kind == ModelKind::timesformer) return {"timesformer.classifier.bias"};
  if (kind == ModelKind::cast) return {"head.bias"};
  return {"gasm_cast.head.bias", "gasm_cast.head_s.bias"};
}

std::int64_t num_classes_of(ModelConfig const& config,
                            TensorMap const& weights) {
  if (config.num_classes) return *config.num_classes;
  for (char const* name : head_names(config.kind))
    if (auto const head = weights.find(name);
        head != weights.end() && head->second.dim() == 1)
      return head->second.size(0);
  throw error(
      "the number of classes is unknown (model.num_classes is null and the "
      "weights hold no {}). Try --set model.num_classes=N",
      head_names(config.kind).front());
}

}  // namespace

TensorMap run_forward(FusionSpec const& spec, TensorMap const& weights,
                      TensorMap const& inputs, std::string const& source) {
  check_names(inputs, {"semantic", "motion"});
  at::NoGradGuard const no_grad;
  GasmCast model(spec);
  load_named_tensors(model, weights, source);
  model.eval();
  Trace trace;
  at::Tensor const logits = model.forward(
      float_input(inputs, "semantic"), float_input(inputs, "motion"), &trace);
  return collect_outputs(logits, trace);
}

TensorMap run_forward(ModelConfig const& config, TensorMap const& weights,
                      TensorMap const& inputs, std::string const& source) {
  check_names(inputs, {"clips"});
  at::Tensor const clips = input(inputs, "clips");
  if (!clips.defined() || clips.dim() != 5 || clips.size(4) != 3)
    throw error(
        "the input clips {}, but must be [B, T, H, W, 3]",
        clips.defined() ? "has shape " + shape_text(clips) : "is missing");
  at::NoGradGuard const no_grad;
  TensorMap const named = config.kind == ModelKind::cast
                              ? rename_cast_weights(weights, source).tensors
                              : weights;
  auto const model =
      build_recogniser(config, clips.size(1), num_classes_of(config, named));
  load_named_tensors(*model, named, source);
  model->eval();
  Trace trace;
  at::Tensor const logits =
      model->forward(clips.permute({0, 1, 4, 2, 3}), &trace);
  return collect_outputs(logits, trace);
}

}  // namespace gasm
