// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/cast.hpp"

#include <algorithm>

#include "cast_block.hpp"
#include "gasm/base/error.hpp"
#include "gasm/models/block_listener.hpp"
#include "gasm/models/freezing.hpp"
#include "gasm/models/layers.hpp"
#include "gasm/models/model_summary.hpp"
#include "pixel_map.hpp"

namespace gasm {
namespace {

constexpr std::int64_t kPair = 2;

BackboneConfig stream_backbone(CastConfig const& config, BackboneKind kind) {
  BackboneConfig backbone;
  backbone.kind = kind;
  backbone.dim = config.width;
  backbone.depth = config.depth;
  backbone.heads = config.heads;
  backbone.hidden = config.ffn_hidden;
  backbone.patch = config.patch;
  backbone.resolution = config.resolution;
  return backbone;
}

void check_pairs(std::int64_t clip_frames) {
  if (clip_frames < kPair || clip_frames % kPair != 0)
    throw usage_error(
        "CAST takes frames in pairs, and a clip has {}. Try an even number of "
        "data.sampling.frames",
        clip_frames);
}

}  // namespace

BackboneConfig clip_backbone(CastConfig const& config) {
  return stream_backbone(config, BackboneKind::clip);
}

VitOptions clip_options(CastConfig const& config) {
  return vit_options(clip_backbone(config));
}

VitOptions videomae_options(CastConfig const& config) {
  VitOptions options =
      vit_options(stream_backbone(config, BackboneKind::videomae));
  // As its authors have it and CAST with them; transformers has 1e-12.
  options.norm_eps = 1e-6;
  options.final_norm = VitFinalNorm::none;
  return options;
}

Cast::Cast(CastConfig const& config, std::int64_t clip_frames,
           std::int64_t num_classes)
    : config_(config), clip_frames_(clip_frames) {
  check_pairs(clip_frames);
  VitOptions const clip = clip_options(config);
  auto const [rows, columns] = clip.learned_grid;
  clip_ = register_module("clip", std::make_shared<Vit>(clip));
  videomae_ = register_module("videomae",
                              std::make_shared<Vit>(videomae_options(config)));
  freeze(*clip_);
  freeze(*videomae_);
  for (at::Tensor& parameter : clip_->last_norm()->parameters())
    parameter.set_requires_grad(true);

  auto const blocks = register_module("blocks", torch::nn::ModuleList());
  double const steps = std::max(1.0, static_cast<double>(config.depth - 1));
  for (int i = 0; i < config.depth; ++i) {
    blocks_.push_back(
        std::make_shared<CastBlock>(config, clip_frames / kPair, rows * columns,
                                    config.drop_path * i / steps));
    blocks->push_back(blocks_.back());
  }
  fc_norm_ = register_module("fc_norm", make_layer_norm(config.width, 1e-6));
  auto const adapter = [&](char const* name) {
    return register_module(
        name, std::make_shared<Adapter>(config.width, adapter_width(config),
                                        Adapter::Skip::no));
  };
  spatial_adapter_ = adapter("spatial_adapter");
  temporal_adapter_ = adapter("temporal_adapter");
  head_ = register_module("head", make_cast_linear(config.width, num_classes));

  PixelMap const map = make_pixel_map(config.mean, config.std, {1, 3, 1, 1, 1});
  shift_ = register_constant(*this, "shift", map.shift);
  scale_ = register_constant(*this, "scale", map.scale);
}

at::Tensor Cast::forward(at::Tensor const& clips, Trace*) {
  check_clips(clips, clip_frames_, config_.resolution,
              "frames and model.cast.resolution");
  at::Tensor const pixels =
      normalise_clips(clips, {shift_, scale_}, config_.channels);
  at::Tensor const frames =
      pixels.slice(2, 1, clip_frames_, kPair).transpose(1, 2).flatten(0, 1);
  CastTokens tokens = {clip_->first_tokens(frames),
                       videomae_->first_tokens(pixels)};
  for (std::size_t i = 0; i < blocks_.size(); ++i) tokens = run_pair(i, tokens);
  return score(tokens.spatial.select(1, 0)
                   .unflatten(0, {-1, clip_frames_ / kPair})
                   .mean(1),
               tokens.temporal.mean(1));
}

CastTokens Cast::run_pair(std::size_t i, CastTokens const& tokens) {
  CastBlock& block = *blocks_[i];
  VitBlock& clip = *clip_->blocks()[i];
  VitBlock& videomae = *videomae_->blocks()[i];
  if (activations_ == Activations::kept) {
    announce_block(block);
    return block.forward(tokens, clip, videomae);
  }
  auto const out = recomputed(
      block,
      [&block, &clip, &videomae](std::vector<at::Tensor> const& x) {
        CastTokens const y = block.forward({x[0], x[1]}, clip, videomae);
        return std::vector{y.spatial, y.temporal};
      },
      {tokens.spatial, tokens.temporal});
  return {out[0], out[1]};
}

at::Tensor Cast::score(at::Tensor const& spatial, at::Tensor const& temporal) {
  at::Tensor const joined =
      spatial_adapter_->forward(clip_->last_norm()->forward(spatial)) +
      temporal_adapter_->forward(fc_norm_(temporal));
  return head_(at::dropout(joined, config_.dropout, is_training()));
}

std::vector<PartSummary> Cast::parts() {
  std::int64_t const h = config_.resolution.height;
  std::int64_t const w = config_.resolution.width;
  std::int64_t const num_pairs = clip_frames_ / kPair;
  PartSummary const clip = summarise(
      "clip", *clip_,
      static_cast<double>(num_pairs) * vit_macs(clip_->options(), h, w));
  PartSummary const videomae =
      summarise("videomae", *videomae_,
                vit_macs(videomae_->options(), h, w, clip_frames_));
  PartSummary cast = summarise(
      "cast", *this, cast_macs(config_, clip_frames_, head_->weight.size(0)));
  for (PartSummary const* frozen : {&clip, &videomae}) {
    cast.parameters -= frozen->parameters;
    cast.trainable -= frozen->trainable;
  }
  return {clip, videomae, cast};
}

}  // namespace gasm
