// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gasm/config/field.hpp"

namespace gasm {

enum class BackboneKind {
  dinov3,
  dinov2,
  clip,
  videomae,
  vjepa2,
  i3d_r50,
  timesformer
};
constexpr auto choices(BackboneKind) {
  return std::array{Choice{BackboneKind::dinov3, "dinov3"},
                    Choice{BackboneKind::dinov2, "dinov2"},
                    Choice{BackboneKind::clip, "clip"},
                    Choice{BackboneKind::videomae, "videomae"},
                    Choice{BackboneKind::vjepa2, "vjepa2"},
                    Choice{BackboneKind::i3d_r50, "i3d_r50"},
                    Choice{BackboneKind::timesformer, "timesformer"}};
}

/// Published sizes. The number is the side of a patch.
enum class VitPreset {
  vits16,
  vits16plus,
  vitb16,
  vitl16,
  vits14,
  vitb14,
  vitl14,
  vits14reg,
  vitb14reg,
  vitl14reg,
  custom
};
constexpr auto choices(VitPreset) {
  return std::array{Choice{VitPreset::vits16, "vits16"},
                    Choice{VitPreset::vits16plus, "vits16plus"},
                    Choice{VitPreset::vitb16, "vitb16"},
                    Choice{VitPreset::vitl16, "vitl16"},
                    Choice{VitPreset::vits14, "vits14"},
                    Choice{VitPreset::vitb14, "vitb14"},
                    Choice{VitPreset::vitl14, "vitl14"},
                    Choice{VitPreset::vits14reg, "vits14reg"},
                    Choice{VitPreset::vitb14reg, "vitb14reg"},
                    Choice{VitPreset::vitl14reg, "vitl14reg"},
                    Choice{VitPreset::custom, "custom"}};
}

enum class FfnKind { mlp, swiglu };
constexpr auto choices(FfnKind) {
  return std::array{Choice{FfnKind::mlp, "mlp"},
                    Choice{FfnKind::swiglu, "swiglu"}};
}

/// automatic: as the weights' origin computes them, and fp32 without weights.
enum class RopePeriods { automatic, fp32, checkpoint_bf16 };
constexpr auto choices(RopePeriods) {
  return std::array{Choice{RopePeriods::automatic, "auto"},
                    Choice{RopePeriods::fp32, "fp32"},
                    Choice{RopePeriods::checkpoint_bf16, "checkpoint_bf16"}};
}

/// How learned positions become those of another grid; automatic: as the
/// weights' origin does it, and `size` without weights.
enum class PositionResize { automatic, size, size_antialias, hub_offset };
constexpr auto choices(PositionResize) {
  return std::array{Choice{PositionResize::automatic, "auto"},
                    Choice{PositionResize::size, "size"},
                    Choice{PositionResize::size_antialias, "size_antialias"},
                    Choice{PositionResize::hub_offset, "hub_offset"}};
}

/// A backbone on its own: what gasm forward runs on tensors. Keys that are not
/// set are those of the preset, or of the kind.
struct BackboneConfig {
  BackboneKind kind = BackboneKind::dinov3;
  std::optional<VitPreset> preset;
  std::optional<int> dim;
  std::optional<int> depth;
  std::optional<int> heads;
  std::optional<int> hidden;
  std::optional<FfnKind> ffn;
  std::optional<int> patch;
  std::optional<int> registers;
  std::optional<int> tubelet;
  std::optional<Resolution> resolution;
  std::optional<int> num_frames;
  std::optional<int> num_classes;
  RopePeriods rope_periods = RopePeriods::automatic;
  PositionResize position_resize = PositionResize::automatic;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("kind", self.kind, "Family of the backbone.");
    v.field("preset", self.preset,
            "Sizes of a published model; null or custom: the keys below.");
    v.field("dim", self.dim, "Channels of a token.", between(1, 65536));
    v.field("depth", self.depth, "Blocks.", between(1, 1024));
    v.field("heads", self.heads, "Attention heads; divide dim.",
            between(1, 1024));
    v.field("hidden", self.hidden,
            "Hidden channels of the feed-forward network; null: 4 dim.",
            between(1, 1048576));
    v.field("ffn", self.ffn, "Feed-forward network; null: mlp.");
    v.field("patch", self.patch, "Side of a patch in pixels.",
            between(1, 1024));
    v.field("registers", self.registers, "Register tokens.", between(0, 1024));
    v.field("tubelet", self.tubelet,
            "Frames of a token, where tokens last in time.", between(1, 1024));
    v.field(
        "resolution", self.resolution,
        "Input size in pixels: one number, or [height, width]; whole patches. "
        "null: that of the input.",
        between(1, 8192));
    v.field("num_frames", self.num_frames,
            "Frames of a clip; null: those of the input.", between(1, 1024));
    v.field("num_classes", self.num_classes,
            "Classes of the head, where there is one; null: those of the "
            "weights.",
            between(1, 1 << 20));
    v.field("rope_periods", self.rope_periods,
            "Periods of DINOv3's rotary embedding; auto: as the weights' "
            "origin has them.");
    v.field("position_resize", self.position_resize,
            "How learned positions become those of another grid; auto: as the "
            "weights' origin does it.");
  }
};

/// With every size of a transformer filled in. Throws a usage error that
/// names the key for a preset of another kind, a size that contradicts its
/// preset or is missing, and a key that the kind does not have. `name` (a
/// file) starts the message.
BackboneConfig with_sizes(BackboneConfig config, std::string const& name);

/// The presets of a kind; none for i3d_r50 and timesformer.
std::span<VitPreset const> presets_of(BackboneKind kind);

/// The `model.backbone` section of a file that describes a backbone alone,
/// with_sizes; none if the file has no such section. Strict, as load.hpp says.
std::optional<BackboneConfig> parse_backbone_config(
    std::string_view text, std::string const& name,
    std::span<std::string const> overrides = {});

}  // namespace gasm
