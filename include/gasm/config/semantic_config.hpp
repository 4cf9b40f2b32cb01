// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "gasm/config/field.hpp"

namespace gasm {

enum class SemanticKind { dinov3 };
constexpr auto choices(SemanticKind) {
  return std::array{Choice{SemanticKind::dinov3, "dinov3"}};
}

enum class VitPreset { vits16, vits16plus, vitb16, vitl16, custom };
constexpr auto choices(VitPreset) {
  return std::array{Choice{VitPreset::vits16, "vits16"},
                    Choice{VitPreset::vits16plus, "vits16plus"},
                    Choice{VitPreset::vitb16, "vitb16"},
                    Choice{VitPreset::vitl16, "vitl16"},
                    Choice{VitPreset::custom, "custom"}};
}

enum class FfnKind { mlp, swiglu };
constexpr auto choices(FfnKind) {
  return std::array{Choice{FfnKind::mlp, "mlp"},
                    Choice{FfnKind::swiglu, "swiglu"}};
}

enum class RopePeriods { fp32, checkpoint_bf16 };
constexpr auto choices(RopePeriods) {
  return std::array{Choice{RopePeriods::fp32, "fp32"},
                    Choice{RopePeriods::checkpoint_bf16, "checkpoint_bf16"}};
}

/// Which of a backbone's parameters learn.
enum class BackboneTraining { none, all };
constexpr auto choices(BackboneTraining) {
  return std::array{Choice{BackboneTraining::none, "none"},
                    Choice{BackboneTraining::all, "all"}};
}

/// The order in which a backbone takes the colours. Clips are RGB.
enum class ChannelOrder { rgb, bgr };
constexpr auto choices(ChannelOrder) {
  return std::array{Choice{ChannelOrder::rgb, "rgb"},
                    Choice{ChannelOrder::bgr, "bgr"}};
}

/// The semantic stream's backbone, a vision transformer on single frames.
///
/// After loading, width .. layer_scale always hold the sizes in force: those
/// of the preset, or the file's own with `preset: custom`. A file that names
/// a preset and contradicts it is refused.
struct SemanticConfig {
  SemanticKind kind = SemanticKind::dinov3;
  VitPreset preset = VitPreset::vits16plus;
  std::optional<std::string> weights;
  Resolution resolution;
  std::vector<int> frames = {8};
  BackboneTraining train = BackboneTraining::none;
  std::array<double, 3> mean = {0.485, 0.456, 0.406};
  std::array<double, 3> std = {0.229, 0.224, 0.225};
  ChannelOrder channels = ChannelOrder::rgb;
  int width = 384;
  int depth = 12;
  int heads = 6;
  int patch = 16;
  int registers = 4;
  FfnKind ffn = FfnKind::swiglu;
  int ffn_hidden = 1536;
  std::optional<double> layer_scale = 1e-5;
  RopePeriods rope_periods = RopePeriods::fp32;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("kind", self.kind, "Vision transformer of the DINOv3 family.");
    v.field("preset", self.preset,
            "Sizes of a published model, or custom: the keys from width to "
            "layer_scale decide.");
    v.field("weights", self.weights,
            "Pretrained weights (safetensors); null: random.");
    v.field("resolution", self.resolution,
            "Input size in pixels: one number, or [height, width]. Must be a "
            "multiple of patch.",
            between(1, 8192));
    v.field("frames", self.frames,
            "Clip frames (counted from 0) that this stream sees, ascending.",
            at_least(0).each(1, 1024));
    v.field("train", self.train, "Which parameters learn.");
    v.field("mean", self.mean,
            "Subtracted from the red, green and blue values (0 to 1). Those of "
            "ImageNet, which published weights were trained with.",
            between(-1e3, 1e3));
    v.field("std", self.std, "Then divided by these.", above(0));
    v.field("channels", self.channels,
            "Order of the colours that the weights were trained with; mean and "
            "std are red, green, blue in both.");
    v.field("width", self.width, "Channels of a token.", between(1, 65536));
    v.field("depth", self.depth, "Transformer blocks.", between(1, 1024));
    v.field("heads", self.heads, "Attention heads; divide width.",
            between(1, 1024));
    v.field("patch", self.patch, "Side of a patch in pixels.",
            between(1, 1024));
    v.field("registers", self.registers, "Register tokens.", between(0, 1024));
    v.field("ffn", self.ffn, "Feed-forward network of a block.");
    v.field("ffn_hidden", self.ffn_hidden, "Its hidden channels.",
            between(1, 1048576));
    v.field("layer_scale", self.layer_scale,
            "Initial scale of the residual branches, learned per channel; "
            "null: none.",
            above(0));
    v.field("rope_periods", self.rope_periods,
            "Periods of the rotary embedding: computed in fp32, or rounded to "
            "bfloat16 as in the published checkpoints.");
  }
};

/// The sizes of a published model; custom keeps those of `config`.
SemanticConfig with_preset_sizes(SemanticConfig config);

}  // namespace gasm
