// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/timesformer_model.hpp"

#include "gasm/models/layers.hpp"
#include "gasm/models/model_summary.hpp"
#include "pixel_map.hpp"

namespace gasm {

TimesformerOptions timesformer_options(TimesformerConfig const& config,
                                       std::int64_t clip_frames,
                                       std::int64_t num_classes) {
  TimesformerOptions options;
  options.width = config.width;
  options.depth = config.depth;
  options.heads = config.heads;
  options.ffn_width = config.ffn_hidden;
  options.patch_px = config.patch;
  options.image_height_px = config.resolution.height;
  options.image_width_px = config.resolution.width;
  options.num_frames = clip_frames;
  options.num_classes = num_classes;
  options.drop_path = config.drop_path;
  return options;
}

TimesformerModel::TimesformerModel(TimesformerConfig const& config,
                                   std::int64_t clip_frames,
                                   std::int64_t num_classes)
    : config_(config) {
  body_ = register_module("timesformer",
                          std::make_shared<Timesformer>(timesformer_options(
                              config, clip_frames, num_classes)));
  PixelMap const map = make_pixel_map(config.mean, config.std, {1, 3, 1, 1, 1});
  shift_ = register_constant(*this, "shift", map.shift);
  scale_ = register_constant(*this, "scale", map.scale);
}

at::Tensor TimesformerModel::forward(at::Tensor const& clips, Trace*) {
  check_clips(clips, body_->options().num_frames, config_.resolution,
              "frames and model.timesformer.resolution");
  return body_
      ->forward(normalise_clips(clips, {shift_, scale_}, config_.channels))
      .logits;
}

std::vector<PartSummary> TimesformerModel::parts() {
  auto const& options = body_->options();
  return {summarise(
      "timesformer", *body_,
      timesformer_macs(options, {options.num_frames, options.image_height_px,
                                 options.image_width_px}))};
}

}  // namespace gasm
