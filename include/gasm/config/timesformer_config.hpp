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

/// TimeSformer with divided attention as a recogniser. After loading, width ..
/// patch hold the sizes in force, as in SemanticConfig. The frames of its time
/// embeddings are those of a clip (data.sampling.frames).
struct TimesformerConfig {
  VitPreset preset = VitPreset::vitb16;
  std::optional<std::string> weights;
  HeadStart head = HeadStart::weights;
  Resolution resolution;
  std::array<double, 3> mean = {0.45, 0.45, 0.45};
  std::array<double, 3> std = {0.225, 0.225, 0.225};
  ChannelOrder channels = ChannelOrder::rgb;
  double drop_path = 0.1;
  int width = 768;
  int depth = 12;
  int heads = 12;
  int ffn_hidden = 3072;
  int patch = 16;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("preset", self.preset,
            "vitb16: sizes of the published model. custom: the keys from width "
            "to patch decide.");
    v.field("weights", self.weights,
            "Pretrained weights of a TimeSformer, with the names of its "
            "authors or of transformers, or of an image transformer (timm's "
            "names), whose attention over space then starts the one over "
            "time; null: random.");
    v.field("head", self.head,
            "weights: the classifier of the file, which must have as many "
            "classes. fresh: drawn anew.");
    v.field("resolution", self.resolution,
            "Input size in pixels: one number, or [height, width]. Must be a "
            "multiple of patch.",
            between(1, 8192));
    v.field("mean", self.mean,
            "Subtracted from the red, green and blue values (0 to 1).",
            between(-1e3, 1e3));
    v.field("std", self.std, "Then divided by these.", above(0));
    v.field("channels", self.channels,
            "Order of the colours that the weights were trained with; mean and "
            "std are red, green, blue in both.");
    v.field("drop_path", self.drop_path,
            "Share of residual branches that the last block drops; it grows "
            "linearly from 0 in the first block.",
            below(1));
    v.field("width", self.width, "Channels of a token.", between(1, 65536));
    v.field("depth", self.depth, "Transformer blocks.", between(1, 1024));
    v.field("heads", self.heads, "Attention heads; divide width.",
            between(1, 1024));
    v.field("ffn_hidden", self.ffn_hidden,
            "Hidden channels of a block's feed-forward network.",
            between(1, 1048576));
    v.field("patch", self.patch, "Side of a patch in pixels.",
            between(1, 1024));
  }
};

/// The sizes of the published model; custom keeps those of `config`.
TimesformerConfig with_preset_sizes(TimesformerConfig config);

}  // namespace gasm
