// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>

#include "gasm/config/backbone_config.hpp"
#include "gasm/config/field.hpp"
#include "gasm/config/head_start.hpp"
#include "gasm/config/semantic_config.hpp"

namespace gasm {

/// One of the two frozen transformers of CAST.
struct CastStreamConfig {
  std::optional<std::string> weights;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("weights", self.weights,
            "Pretrained weights: safetensors, a sharded index, or a file of "
            "torch.save or torch.jit.save; null: random.");
  }
};

/// CAST (Lee et al., 2023): cross-attention within every pair of blocks of two
/// frozen transformers of the same sizes. After loading, width .. patch hold
/// the sizes in force, as in SemanticConfig.
struct CastConfig {
  VitPreset preset = VitPreset::vitb16;
  std::optional<std::string> weights;
  HeadStart head = HeadStart::weights;
  CastStreamConfig clip;
  CastStreamConfig videomae;
  Resolution resolution;
  std::array<double, 3> mean = {0.485, 0.456, 0.406};
  std::array<double, 3> std = {0.229, 0.224, 0.225};
  ChannelOrder channels = ChannelOrder::rgb;
  double adapter_ratio = 0.25;
  double bottleneck_ratio = 0.5;
  double drop_path = 0.3;
  double dropout = 0.0;
  int width = 768;
  int depth = 12;
  int heads = 12;
  int ffn_hidden = 3072;
  int patch = 16;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("preset", self.preset,
            "vitb16: sizes of the published model. custom: the keys from width "
            "to patch decide, for both streams.");
    v.field("weights", self.weights,
            "A whole trained CAST, with the names of its authors or with "
            "ours; then clip.weights and videomae.weights stay null. null: "
            "what is new is random.");
    v.field("head", self.head,
            "weights: the last layer of that file, which must have as many "
            "classes. fresh: drawn anew.");
    v.section("clip", self.clip,
              "The spatial stream: CLIP's image tower, on every second frame.");
    v.section("videomae", self.videomae,
              "The temporal stream: VideoMAE, on pairs of frames.");
    v.field("resolution", self.resolution,
            "Input size in pixels: one number, or [height, width]. Must be a "
            "multiple of patch.",
            between(1, 8192));
    v.field("mean", self.mean,
            "Subtracted from the red, green and blue values (0 to 1), of both "
            "streams. Those of ImageNet, as published.",
            between(-1e3, 1e3));
    v.field("std", self.std, "Then divided by these.", above(0));
    v.field("channels", self.channels,
            "Order of the colours that the weights were trained with; mean and "
            "std are red, green, blue in both.");
    v.field("adapter_ratio", self.adapter_ratio,
            "Hidden width of an adapter as a share of width.", between(0, 16));
    v.field("bottleneck_ratio", self.bottleneck_ratio,
            "Width in which the streams attend each other, as a share of "
            "width; heads must divide it.",
            between(0, 16));
    v.field("drop_path", self.drop_path,
            "Share of added branches that the last block drops; it grows "
            "linearly from 0 in the first block.",
            below(1));
    v.field("dropout", self.dropout, "Dropout before the head.", below(1));
    v.field("width", self.width, "Channels of a token.", between(1, 65536));
    v.field("depth", self.depth, "Transformer blocks of a stream.",
            between(1, 1024));
    v.field("heads", self.heads,
            "Attention heads; divide width and the bottleneck.",
            between(1, 1024));
    v.field("ffn_hidden", self.ffn_hidden,
            "Hidden channels of a block's feed-forward network.",
            between(1, 1048576));
    v.field("patch", self.patch, "Side of a patch in pixels.",
            between(1, 1024));
  }
};

/// Hidden channels of an adapter, and channels of the cross-attention: the
/// whole part of ratio times width.
int adapter_width(CastConfig const& config);
int bottleneck_width(CastConfig const& config);

/// The sizes of the published model; custom keeps those of `config`.
CastConfig with_preset_sizes(CastConfig config);

}  // namespace gasm
