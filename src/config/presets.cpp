// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "gasm/base/error.hpp"
#include "gasm/config/backbone_config.hpp"
#include "gasm/config/model_config.hpp"

namespace gasm {
namespace {

struct Sizes {
  int width, depth, heads;
  FfnKind ffn;
  int hidden;
  int patch, registers;
};

/// Of a preset that is not custom.
Sizes sizes_of(VitPreset preset) {
  constexpr auto mlp = FfnKind::mlp;
  switch (preset) {
    case VitPreset::vits16:
      return {384, 12, 6, mlp, 1536, 16, 0};
    case VitPreset::vits16plus:
      return {384, 12, 6, FfnKind::swiglu, 1536, 16, 0};
    case VitPreset::vitb16:
      return {768, 12, 12, mlp, 3072, 16, 0};
    case VitPreset::vitl16:
      return {1024, 24, 16, mlp, 4096, 16, 0};
    case VitPreset::vits14:
      return {384, 12, 6, mlp, 1536, 14, 0};
    case VitPreset::vitb14:
      return {768, 12, 12, mlp, 3072, 14, 0};
    case VitPreset::vitl14:
      return {1024, 24, 16, mlp, 4096, 14, 0};
    case VitPreset::vits14reg:
      return {384, 12, 6, mlp, 1536, 14, 4};
    case VitPreset::vitb14reg:
      return {768, 12, 12, mlp, 3072, 14, 4};
    case VitPreset::vitl14reg:
      return {1024, 24, 16, mlp, 4096, 14, 4};
    case VitPreset::custom:
      break;
  }
  return {};
}

/// What a kind has where a file says nothing.
struct KindTraits {
  bool is_vit = true;
  bool is_video = false;
  int patch = 16;
  int registers = 0;
};

KindTraits traits_of(BackboneKind kind) {
  switch (kind) {
    case BackboneKind::dinov3:
      return {.registers = 4};
    case BackboneKind::dinov2:
      return {.patch = 14};
    case BackboneKind::clip:
      return {};
    case BackboneKind::videomae:
    case BackboneKind::vjepa2:
      return {.is_video = true};
    case BackboneKind::timesformer:
      return {.is_vit = false, .is_video = true};
    case BackboneKind::i3d_r50:
      break;
  }
  return {.is_vit = false, .is_video = true};
}

std::string words_of(std::span<VitPreset const> presets) {
  std::string words;
  for (auto const preset : presets) words += to_word(preset) + ", ";
  return words + "custom";
}

void check_preset(BackboneConfig const& config, std::string const& name) {
  auto const known = presets_of(config.kind);
  if (std::ranges::count(known, *config.preset) == 0)
    throw usage_error("{}: model.backbone.preset {} is none of {}. Try {}",
                      name, to_word(*config.preset), to_word(config.kind),
                      known.empty() ? "without it" : words_of(known));
}

/// Fills in `value`, or refuses one that contradicts the preset.
template <class T>
void settle(std::optional<T>& value, T wanted, BackboneConfig const& config,
            char const* key, std::string const& name) {
  if (value && *value != wanted)
    throw usage_error(
        "{}: model.backbone.{} is not that of preset {}. Try preset: custom, "
        "or remove the key",
        name, key, to_word(*config.preset));
  value = wanted;
}

template <class T>
void refuse_key(std::optional<T> const& value, BackboneConfig const& config,
                char const* key, std::string const& name) {
  if (value)
    throw usage_error("{}: model.backbone.{} is no key of {}. Try without it",
                      name, key, to_word(config.kind));
}

void require(std::optional<int> const& value, char const* key,
             std::string const& name) {
  if (!value)
    throw usage_error(
        "{}: model.backbone.{} is not set. Try a preset, or dim, depth and "
        "heads",
        name, key);
}

/// Whole patches and tubelets, whole heads.
void check_whole(BackboneConfig const& config, std::string const& name) {
  if (*config.dim % *config.heads != 0)
    throw usage_error(
        "{}: model.backbone.heads is {} and does not divide model.backbone.dim "
        "({}). Try a divisor",
        name, *config.heads, *config.dim);
  if (auto const& size = config.resolution;
      size &&
      (size->height % *config.patch != 0 || size->width % *config.patch != 0))
    throw usage_error(
        "{}: model.backbone.resolution is {} x {} (not a multiple of the "
        "patch, {}). Try {}",
        name, size->height, size->width, *config.patch,
        std::max(1, size->height / *config.patch) * *config.patch);
  if (config.tubelet && config.num_frames &&
      *config.num_frames % *config.tubelet != 0)
    throw usage_error(
        "{}: model.backbone.num_frames is {} (not a multiple of tubelet, {}). "
        "Try {}",
        name, *config.num_frames, *config.tubelet,
        std::max(1, *config.num_frames / *config.tubelet) * *config.tubelet);
}

}  // namespace

std::span<VitPreset const> presets_of(BackboneKind kind) {
  using enum VitPreset;
  static constexpr std::array dinov3{vits16, vits16plus, vitb16, vitl16};
  static constexpr std::array dinov2{vits14,    vitb14,    vitl14,
                                     vits14reg, vitb14reg, vitl14reg};
  static constexpr std::array clip{vitb16};
  static constexpr std::array videomae{vits16, vitb16};
  static constexpr std::array vjepa2{vitb16, vitl16};
  switch (kind) {
    case BackboneKind::dinov3:
      return dinov3;
    case BackboneKind::dinov2:
      return dinov2;
    case BackboneKind::clip:
      return clip;
    case BackboneKind::videomae:
      return videomae;
    case BackboneKind::vjepa2:
      return vjepa2;
    case BackboneKind::i3d_r50:
    case BackboneKind::timesformer:
      break;
  }
  return {};
}

BackboneConfig with_sizes(BackboneConfig config, std::string const& name) {
  auto const traits = traits_of(config.kind);
  if (config.preset == VitPreset::custom) config.preset.reset();
  if (config.kind == BackboneKind::i3d_r50) {
    for (auto const& [key, value] :
         {std::pair{"dim", config.dim}, std::pair{"depth", config.depth},
          std::pair{"heads", config.heads}, std::pair{"hidden", config.hidden},
          std::pair{"patch", config.patch}})
      refuse_key(value, config, key, name);
    if (config.preset) check_preset(config, name);
    return config;
  }
  if (config.preset) {
    check_preset(config, name);
    auto const sizes = sizes_of(*config.preset);
    settle(config.dim, sizes.width, config, "dim", name);
    settle(config.depth, sizes.depth, config, "depth", name);
    settle(config.heads, sizes.heads, config, "heads", name);
    settle(config.hidden, sizes.hidden, config, "hidden", name);
    settle(config.ffn, sizes.ffn, config, "ffn", name);
    settle(config.patch, sizes.patch, config, "patch", name);
    settle(config.registers, std::max(sizes.registers, traits.registers),
           config, "registers", name);
  }
  require(config.dim, "dim", name);
  require(config.depth, "depth", name);
  require(config.heads, "heads", name);
  if (!config.hidden) config.hidden = 4 * *config.dim;
  if (!config.ffn) config.ffn = FfnKind::mlp;
  if (!config.patch) config.patch = traits.patch;
  if (!config.registers) config.registers = traits.registers;
  if (!traits.is_video || config.kind == BackboneKind::timesformer)
    refuse_key(config.tubelet, config, "tubelet", name);
  else if (!config.tubelet)
    config.tubelet = 2;
  check_whole(config, name);
  return config;
}

SemanticConfig with_preset_sizes(SemanticConfig config) {
  if (config.preset == VitPreset::custom) return config;
  auto const sizes = sizes_of(config.preset);
  bool const is_dinov3 = config.kind == SemanticKind::dinov3;
  config.width = sizes.width;
  config.depth = sizes.depth;
  config.heads = sizes.heads;
  config.ffn = sizes.ffn;
  config.ffn_hidden = sizes.hidden;
  config.patch = sizes.patch;
  config.registers = is_dinov3 ? 4 : sizes.registers;
  config.layer_scale = 1e-5;
  if (config.kind == SemanticKind::clip) config.layer_scale.reset();
  if (config.kind == SemanticKind::dinov2) config.positions = {37, 37};
  return config;
}

MotionConfig with_preset_sizes(MotionConfig config) {
  if (is_vit(config.kind) && config.vit.preset != VitPreset::custom) {
    auto const sizes = sizes_of(config.vit.preset);
    config.vit.width = sizes.width;
    config.vit.depth = sizes.depth;
    config.vit.heads = sizes.heads;
    config.vit.ffn_hidden = sizes.hidden;
    config.vit.patch = sizes.patch;
    config.vit.tubelet = 2;
  }
  if (config.kind == MotionKind::custom) return config;
  MotionConfig const published;
  config.stem_width = published.stem_width;
  config.stem_kernel = published.stem_kernel;
  config.stem_stride = published.stem_stride;
  config.stem_pool = published.stem_pool;
  config.widths = published.widths;
  config.inner_widths = published.inner_widths;
  config.depths = published.depths;
  config.temporal_kernels = published.temporal_kernels;
  config.temporal_pool = published.temporal_pool;
  return config;
}

namespace {

template <class Config>
Config with_published_sizes(Config config) {
  if (config.preset == VitPreset::custom) return config;
  auto const sizes = sizes_of(config.preset);
  config.width = sizes.width;
  config.depth = sizes.depth;
  config.heads = sizes.heads;
  config.ffn_hidden = sizes.hidden;
  config.patch = sizes.patch;
  return config;
}

}  // namespace

TimesformerConfig with_preset_sizes(TimesformerConfig config) {
  return with_published_sizes(std::move(config));
}

CastConfig with_preset_sizes(CastConfig config) {
  return with_published_sizes(std::move(config));
}

int adapter_width(CastConfig const& config) {
  return static_cast<int>(config.width * config.adapter_ratio);
}

int bottleneck_width(CastConfig const& config) {
  return static_cast<int>(config.width * config.bottleneck_ratio);
}

}  // namespace gasm
