// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "gasm/config/backbone_config.hpp"
#include "gasm/config/field.hpp"

namespace gasm {

enum class SemanticKind { dinov3, dinov2, clip };
constexpr auto choices(SemanticKind) {
  return std::array{Choice{SemanticKind::dinov3, "dinov3"},
                    Choice{SemanticKind::dinov2, "dinov2"},
                    Choice{SemanticKind::clip, "clip"}};
}

constexpr BackboneKind backbone_kind(SemanticKind kind) {
  if (kind == SemanticKind::dinov2) return BackboneKind::dinov2;
  return kind == SemanticKind::clip ? BackboneKind::clip : BackboneKind::dinov3;
}

/// Which of a backbone's parameters learn.
enum class BackboneTraining { none, all, some };
constexpr auto choices(BackboneTraining) {
  return std::array{Choice{BackboneTraining::none, "none"},
                    Choice{BackboneTraining::all, "all"},
                    Choice{BackboneTraining::some, "some"}};
}

/// What happens to weights that are not those of the whole backbone.
enum class WeightLoad { strict, partial };
constexpr auto choices(WeightLoad) {
  return std::array{Choice{WeightLoad::strict, "strict"},
                    Choice{WeightLoad::partial, "partial"}};
}

/// The order in which a backbone takes the colours. Clips are RGB.
enum class ChannelOrder { rgb, bgr };
constexpr auto choices(ChannelOrder) {
  return std::array{Choice{ChannelOrder::rgb, "rgb"},
                    Choice{ChannelOrder::bgr, "bgr"}};
}

/// What becomes of the maps of the kept frames before the fusion.
enum class FramePool { none, mean };
constexpr auto choices(FramePool) {
  return std::array{Choice{FramePool::none, "none"},
                    Choice{FramePool::mean, "mean"}};
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
  FramePool frame_pool = FramePool::none;
  BackboneTraining train = BackboneTraining::none;
  std::vector<std::string> learns;
  WeightLoad load = WeightLoad::strict;
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
  RopePeriods rope_periods = RopePeriods::automatic;
  /// Rows and columns of the learned positions that the weights hold.
  std::array<int, 2> positions = {14, 14};
  PositionResize position_resize = PositionResize::automatic;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("kind", self.kind,
            "Family of the vision transformer: DINOv3, DINOv2, or the image "
            "tower of CLIP.");
    v.field("preset", self.preset,
            "Sizes of a published model, or custom: the keys from width to "
            "layer_scale decide.");
    v.field("weights", self.weights,
            "Pretrained weights: safetensors, a sharded index, or a file of "
            "torch.save; null: random.");
    v.field("resolution", self.resolution,
            "Input size in pixels: one number, or [height, width]. Must be a "
            "multiple of patch.",
            between(1, 8192));
    v.field("frames", self.frames,
            "Clip frames (counted from 0) that this stream sees, ascending.",
            at_least(0).each(1, 1024));
    v.field("frame_pool", self.frame_pool,
            "none: the fusion sees the patches of each of these frames. mean: "
            "one map, in which a patch is the mean of that patch over the "
            "frames.");
    v.field("train", self.train,
            "Which parameters learn; some: those that learns names.");
    v.field("learns", self.learns,
            "Names of parameters or of parts, such as norm or layer.11, with "
            "* and ? as in a shell: layer.1[01].attention.");
    v.field("load", self.load,
            "strict: the weights are those of the whole backbone. partial: "
            "what fits is loaded, the rest stays random; both are listed.");
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
            "dinov3: periods of the rotary embedding, computed in fp32, or "
            "rounded to bfloat16 as in Meta's own files; auto: as the weights' "
            "origin has them.");
    v.field("positions", self.positions,
            "dinov2 and clip: rows and columns of the learned positions in "
            "the weights, resampled for another resolution.",
            between(1, 1024));
    v.field("position_resize", self.position_resize,
            "How that is done; auto: as the weights' origin does it.");
  }
};

/// The sizes of a published model; custom keeps those of `config`.
SemanticConfig with_preset_sizes(SemanticConfig config);

}  // namespace gasm
