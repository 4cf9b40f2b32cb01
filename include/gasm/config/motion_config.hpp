// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "gasm/config/field.hpp"
#include "gasm/config/semantic_config.hpp"

namespace gasm {

enum class MotionKind { i3d_r50, custom, videomae, vjepa2 };
constexpr auto choices(MotionKind) {
  return std::array{Choice{MotionKind::i3d_r50, "i3d_r50"},
                    Choice{MotionKind::custom, "custom"},
                    Choice{MotionKind::videomae, "videomae"},
                    Choice{MotionKind::vjepa2, "vjepa2"}};
}

constexpr bool is_vit(MotionKind kind) {
  return kind == MotionKind::videomae || kind == MotionKind::vjepa2;
}

constexpr BackboneKind backbone_kind(MotionKind kind) {
  if (kind == MotionKind::videomae) return BackboneKind::videomae;
  return kind == MotionKind::vjepa2 ? BackboneKind::vjepa2
                                    : BackboneKind::i3d_r50;
}

enum class MotionStage { res2, res3, res4, res5 };
constexpr auto choices(MotionStage) {
  return std::array{
      Choice{MotionStage::res2, "res2"}, Choice{MotionStage::res3, "res3"},
      Choice{MotionStage::res4, "res4"}, Choice{MotionStage::res5, "res5"}};
}

enum class MotionInput { rgb, centred };
constexpr auto choices(MotionInput) {
  return std::array{Choice{MotionInput::rgb, "rgb"},
                    Choice{MotionInput::centred, "centred"}};
}

enum class MotionPool { avg, max };
constexpr auto choices(MotionPool) {
  return std::array{Choice{MotionPool::avg, "avg"},
                    Choice{MotionPool::max, "max"}};
}

enum class StemPool { none, max };
constexpr auto choices(StemPool) {
  return std::array{Choice{StemPool::none, "none"},
                    Choice{StemPool::max, "max"}};
}

enum class TemporalPool { none, after_res2 };
constexpr auto choices(TemporalPool) {
  return std::array{Choice{TemporalPool::none, "none"},
                    Choice{TemporalPool::after_res2, "after_res2"}};
}

/// Sizes of a motion backbone that is a vision transformer on clips. After
/// loading they are those in force, as in SemanticConfig.
struct MotionVitConfig {
  VitPreset preset = VitPreset::vitb16;
  int width = 768;
  int depth = 12;
  int heads = 12;
  int ffn_hidden = 3072;
  int patch = 16;
  int tubelet = 2;
  bool norm = true;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("preset", self.preset,
            "Sizes of a published model, or custom: the keys from width to "
            "tubelet decide.");
    v.field("width", self.width, "Channels of a token.", between(1, 65536));
    v.field("depth", self.depth, "Transformer blocks.", between(1, 1024));
    v.field("heads", self.heads, "Attention heads; divide width.",
            between(1, 1024));
    v.field("ffn_hidden", self.ffn_hidden,
            "Hidden channels of a block's feed-forward network.",
            between(1, 1048576));
    v.field("patch", self.patch, "Side of a patch in pixels.",
            between(1, 1024));
    v.field("tubelet", self.tubelet, "Frames of a token.", between(1, 1024));
    v.field("norm", self.norm,
            "Whether tokens pass a last layer norm: files of a videomae that "
            "was fine-tuned have none.");
  }
};

/// The motion stream's backbone: an inflated 3-D residual network, or with
/// `videomae` and `vjepa2` a vision transformer on clips, of which `vit` says
/// the sizes and the keys from stage and stem_width on say nothing.
///
/// After loading, stem_width .. temporal_pool always hold the sizes in force:
/// those of i3d_r50, or the file's own with `kind: custom`. A file that names
/// i3d_r50 and contradicts it is refused. Lists a stage have one entry for
/// each of the first stages, res2 first, at least up to `stage`.
struct MotionConfig {
  MotionKind kind = MotionKind::i3d_r50;
  std::optional<std::string> weights;
  MotionStage stage = MotionStage::res3;
  std::array<int, 2> grid = {1, 1};
  MotionPool pool = MotionPool::avg;
  BackboneTraining train = BackboneTraining::none;
  std::vector<std::string> learns;
  WeightLoad load = WeightLoad::strict;
  MotionInput input = MotionInput::rgb;
  std::array<double, 3> mean = {0.45, 0.45, 0.45};
  std::array<double, 3> std = {0.225, 0.225, 0.225};
  ChannelOrder channels = ChannelOrder::rgb;
  int stem_width = 64;
  std::array<int, 3> stem_kernel = {5, 7, 7};
  std::array<int, 3> stem_stride = {1, 2, 2};
  StemPool stem_pool = StemPool::max;
  std::vector<int> widths = {256, 512, 1024, 2048};
  std::vector<int> inner_widths = {64, 128, 256, 512};
  std::vector<int> depths = {3, 4, 6, 3};
  std::vector<std::vector<int>> temporal_kernels = {
      {3}, {3, 1}, {3, 1}, {1, 3}};
  TemporalPool temporal_pool = TemporalPool::after_res2;
  MotionVitConfig vit;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("kind", self.kind,
            "i3d_r50: sizes of the published I3D ResNet-50. custom: the keys "
            "from stem_width to temporal_pool decide. videomae and vjepa2: "
            "vision transformers, see vit.");
    v.field("weights", self.weights,
            "Pretrained weights: safetensors, a sharded index, or a file of "
            "torch.save; null: random.");
    v.field("stage", self.stage,
            "Stage of the residual network whose output is taken.");
    v.field("grid", self.grid,
            "Places [rows, columns] to which that output is pooled; [1, 1] "
            "pools all.",
            between(1, 1024));
    v.field("pool", self.pool, "The mean of each place, or the largest.");
    v.field("train", self.train,
            "Which parameters learn; some: those that learns names.");
    v.field("learns", self.learns,
            "Stages (stem, res2 .. res5), or names of parameters or parts, "
            "with * and ? as in a shell.");
    v.field("load", self.load,
            "strict: the weights are those of the whole backbone. partial: "
            "what fits is loaded, the rest stays random; both are listed.");
    v.field("input", self.input,
            "centred: the clip's mean over time is subtracted, which leaves "
            "what changes.");
    v.field("mean", self.mean,
            "Subtracted from the red, green and blue values (0 to 1).",
            between(-1e3, 1e3));
    v.field("std", self.std, "Then divided by these.", above(0));
    v.field("channels", self.channels,
            "Order of the colours that the weights were trained with; mean and "
            "std are red, green, blue in both.");
    v.field("stem_width", self.stem_width, "Channels of the stem.",
            between(1, 65536));
    v.field("stem_kernel", self.stem_kernel,
            "Kernel [time, height, width] of the stem, odd.", between(1, 63));
    v.field("stem_stride", self.stem_stride,
            "Stride [time, height, width] of the stem.", between(1, 63));
    v.field("stem_pool", self.stem_pool,
            "max: a max-pooling of kernel 3 and stride 2 in space follows.");
    v.field("widths", self.widths, "Output channels of each stage.",
            between(1, 65536).each(1, 4));
    v.field("inner_widths", self.inner_widths,
            "Bottleneck channels of each stage.", between(1, 65536).each(1, 4));
    v.field("depths", self.depths, "Blocks of each stage.",
            between(1, 1024).each(1, 4));
    v.field("temporal_kernels", self.temporal_kernels,
            "For each stage, the temporal kernels of its blocks, odd, "
            "repeated as often as needed.",
            between(1, 63).each(1, 4));
    v.field("temporal_pool", self.temporal_pool,
            "after_res2: a max-pooling of kernel and stride 2 in time.");
    v.section("vit", self.vit, "Sizes of videomae and vjepa2.");
  }
};

/// The sizes of the published model; custom keeps those of `config`.
MotionConfig with_preset_sizes(MotionConfig config);

}  // namespace gasm
