// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/error.hpp"
#include "gasm/models/vit.hpp"

namespace gasm {
namespace {

/// What sets a family apart, but for sizes.
VitOptions family_options(BackboneKind kind) {
  VitOptions options;
  switch (kind) {
    case BackboneKind::dinov3:
      return options;
    case BackboneKind::dinov2:
      options.positions = VitPositions::learned;
      options.has_key_bias = true;
      options.norm_eps = 1e-6;
      return options;
    case BackboneKind::clip:
      options.positions = VitPositions::learned;
      options.activation = VitActivation::quick_gelu;
      options.has_patch_bias = false;
      options.has_input_norm = true;
      options.has_key_bias = true;
      options.final_norm = VitFinalNorm::cls;
      options.layer_scale.reset();
      return options;
    case BackboneKind::videomae:
      options.positions = VitPositions::sinusoid;
      options.has_cls = false;
      options.norm_eps = 1e-12;
      options.layer_scale.reset();
      return options;
    case BackboneKind::vjepa2:
      options.positions = VitPositions::rope_3d;
      options.has_cls = false;
      options.has_key_bias = true;
      options.norm_eps = 1e-6;
      options.layer_scale.reset();
      return options;
    case BackboneKind::i3d_r50:
    case BackboneKind::timesformer:
      break;
  }
  throw usage_error("{} is no plain vision transformer. Try another kind",
                    to_word(kind));
}

}  // namespace

PositionRules position_rules(WeightOrigin origin, std::int64_t num_registers,
                             RopePeriods periods, PositionResize resize) {
  bool const is_hub = origin == WeightOrigin::hub;
  if (periods == RopePeriods::automatic)
    periods = is_hub ? RopePeriods::checkpoint_bf16 : RopePeriods::fp32;
  if (resize != PositionResize::automatic) return {periods, resize};
  if (num_registers > 0) return {periods, PositionResize::size_antialias};
  return {periods, is_hub ? PositionResize::hub_offset : PositionResize::size};
}

VitOptions vit_options(BackboneConfig const& given) {
  auto const config = with_sizes(given, "the backbone");
  VitOptions options = family_options(config.kind);
  options.width = *config.dim;
  options.depth = *config.depth;
  options.heads = *config.heads;
  options.ffn = *config.ffn;
  options.ffn_width = *config.hidden;
  options.patch_px = *config.patch;
  options.registers = *config.registers;
  options.tubelet = config.tubelet.value_or(0);
  options.rules = position_rules(WeightOrigin::transformers, options.registers,
                                 config.rope_periods, config.position_resize);
  if (config.resolution)
    options.learned_grid = {config.resolution->height / *config.patch,
                            config.resolution->width / *config.patch};
  return options;
}

VitOptions vit_options(SemanticConfig const& config) {
  SemanticConfig const sized = with_preset_sizes(config);
  VitOptions options = family_options(backbone_kind(config.kind));
  options.width = sized.width;
  options.depth = sized.depth;
  options.heads = sized.heads;
  options.ffn = sized.ffn;
  options.ffn_width = sized.ffn_hidden;
  options.patch_px = sized.patch;
  options.registers = sized.registers;
  options.rules = position_rules(WeightOrigin::transformers, options.registers,
                                 sized.rope_periods, sized.position_resize);
  options.learned_grid = {sized.positions[0], sized.positions[1]};
  options.layer_scale = sized.layer_scale;
  return options;
}

VitOptions vit_options(MotionConfig const& config) {
  MotionVitConfig const sized = with_preset_sizes(config).vit;
  VitOptions options = family_options(backbone_kind(config.kind));
  options.width = sized.width;
  options.depth = sized.depth;
  options.heads = sized.heads;
  options.ffn_width = sized.ffn_hidden;
  options.patch_px = sized.patch;
  options.registers = 0;
  options.tubelet = sized.tubelet;
  if (!sized.norm) options.final_norm = VitFinalNorm::none;
  return options;
}

}  // namespace gasm
