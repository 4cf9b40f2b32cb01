// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/run_backbone.hpp"

#include "gasm/base/error.hpp"
#include "gasm/models/i3d_resnet.hpp"
#include "gasm/models/timesformer.hpp"
#include "gasm/models/vit.hpp"

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

/// Classes of the head that the weights hold; 0: none.
std::int64_t classes_in(BackboneConfig const& config, TensorMap const& tensors,
                        std::string const& name, std::string const& source) {
  auto const bias = tensors.find(name);
  auto const found = bias != tensors.end() && bias->second.dim() == 1
                         ? bias->second.size(0)
                         : 0;
  if (config.num_classes && *config.num_classes != found)
    throw error(
        "{} has a head of {} classes, but model.backbone.num_classes is {}. "
        "Try null",
        source, found, *config.num_classes);
  return found;
}

TensorMap run_i3d(BackboneConfig const& config, TensorMap const& tensors,
                  at::Tensor const& clip, std::string const& source) {
  I3dOptions options;
  options.num_classes =
      classes_in(config, tensors, "blocks.6.proj.bias", source);
  Size3 const size = {clip.size(2), clip.size(3), clip.size(4)};
  Size3 const tap = i3d_output_size(options, size);
  bool const is_head_reached = tap[0] >= options.head_pool[0] &&
                               tap[1] >= options.head_pool[1] &&
                               tap[2] >= options.head_pool[2];
  if (!is_head_reached) options.num_classes = 0;
  I3dResNet model(options);
  load_named_tensors(model,
                     options.num_classes > 0
                         ? tensors
                         : up_to_stage(tensors, options.stages.size()),
                     source);
  model.eval();
  I3dTaps const taps = model.forward_taps(clip);
  TensorMap outputs;
  for (std::size_t i = 0; i < taps.stages.size(); ++i)
    outputs[fmt::format("res{}", i + 2)] = taps.stages[i].contiguous();
  if (taps.logits.defined()) outputs["logits"] = taps.logits;
  return outputs;
}

TensorMap run_timesformer(BackboneConfig const& config,
                          TensorMap const& tensors, at::Tensor const& clip,
                          std::string const& source) {
  TimesformerOptions options = timesformer_options(config);
  options.num_frames = clip.size(2);
  options.image_height_px = clip.size(3);
  options.image_width_px = clip.size(4);
  options.num_classes = classes_in(config, tensors, "classifier.bias", source);
  Timesformer model(options);
  load_named_tensors(model, resize_timesformer_embeddings(tensors, options),
                     source);
  model.eval();
  auto const tokens = model.forward(clip);
  TensorMap outputs = {{"cls", tokens.cls.contiguous()},
                       {"patches", tokens.patches.contiguous()}};
  if (tokens.logits.defined()) outputs["logits"] = tokens.logits;
  return outputs;
}

}  // namespace

TensorMap run_backbone(BackboneConfig const& config,
                       BackboneWeights const& weights, TensorMap const& inputs,
                       std::string const& source) {
  at::NoGradGuard const no_grad;
  auto const input = input_of(config, inputs);
  if (config.kind == BackboneKind::i3d_r50)
    return run_i3d(config, weights.tensors, input, source);
  if (config.kind == BackboneKind::timesformer)
    return run_timesformer(config, weights.tensors, input, source);
  return run_vit(config, weights, input, source);
}

}  // namespace gasm
