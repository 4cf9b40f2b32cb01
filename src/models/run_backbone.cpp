// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/run_backbone.hpp"

#include "gasm/base/error.hpp"
#include "gasm/models/vit.hpp"
#include "gasm/models/weight_names.hpp"

namespace gasm {
namespace {

bool is_video(BackboneKind kind) {
  return kind != BackboneKind::dinov3 && kind != BackboneKind::dinov2 &&
         kind != BackboneKind::clip;
}

void check_size(std::string const& name, char const* key, std::int64_t wanted,
                std::int64_t given) {
  if (wanted != given)
    throw error(
        "the input {} does not have the {} of the configuration ({}, not {}). "
        "Try that size, or model.backbone.{}: null",
        name, key, given, wanted, key);
}

/// The one input of the backbone, fp32.
at::Tensor input_of(BackboneConfig const& config, TensorMap const& inputs) {
  std::string const name = is_video(config.kind) ? "clip" : "frames";
  for (auto const& [other, tensor] : inputs)
    if (other != name)
      throw error("{} reads no input {} (it reads {})", to_word(config.kind),
                  other, name);
  auto const found = inputs.find(name);
  std::int64_t const dim = is_video(config.kind) ? 5 : 4;
  if (found == inputs.end() || found->second.dim() != dim ||
      !found->second.is_floating_point())
    throw error("the input {} {}, but must be {} of floating-point numbers",
                name,
                found == inputs.end()
                    ? "is missing"
                    : fmt::format("has shape {} and holds {}",
                                  shape_text(found->second),
                                  c10::toString(found->second.scalar_type())),
                dim == 5 ? "[B, 3, T, H, W]" : "[B, 3, H, W]");
  auto const& tensor = found->second;
  if (config.resolution) {
    check_size(name, "resolution", config.resolution->height,
               tensor.size(dim - 2));
    check_size(name, "resolution", config.resolution->width,
               tensor.size(dim - 1));
  }
  if (config.num_frames && dim == 5)
    check_size(name, "num_frames", *config.num_frames, tensor.size(2));
  return tensor.to(at::kFloat);
}

TensorMap run_vit(BackboneConfig const& config, BackboneWeights const& weights,
                  at::Tensor const& input, std::string const& source) {
  Vit model(options_for(config, weights, source));
  load_named_tensors(model, weights.tensors, source);
  model.eval();
  auto const tokens = model.forward(input);
  TensorMap outputs = {{"patches", tokens.patches.contiguous()}};
  if (tokens.cls.defined()) outputs["cls"] = tokens.cls.contiguous();
  if (tokens.registers.size(1) > 0)
    outputs["registers"] = tokens.registers.contiguous();
  return outputs;
}

}  // namespace

TensorMap run_backbone(BackboneConfig const& config, TensorMap const& weights,
                       TensorMap const& inputs, std::string const& source) {
  at::NoGradGuard const no_grad;
  auto const input = input_of(config, inputs);
  auto const renamed = rename_weights(config.kind, weights, source);
  return run_vit(config, renamed, input, source);
}

}  // namespace gasm
