// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/video_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "gasm/base/error.hpp"
#include "gasm/models/freezing.hpp"
#include "gasm/models/layers.hpp"
#include "gasm/models/model_summary.hpp"
#include "gasm/models/named_tensors.hpp"
#include "pixel_map.hpp"

namespace gasm {
namespace {

/// Freezes what does not learn; `section` is its place in the configuration.
template <class Config>
void choose_learning(Config const& config, torch::nn::Module& backbone,
                     PartNames const& parts, char const* section) {
  if (config.train == BackboneTraining::none) freeze(backbone);
  if (config.train == BackboneTraining::some)
    freeze_all_but(backbone, config.learns, parts,
                   fmt::format("{}.learns", section));
}

std::int64_t num_parameters(torch::nn::Module const& module) {
  std::int64_t count = 0;
  for (at::Tensor const& parameter : module.parameters())
    count += parameter.numel();
  return count;
}

/// Runs `compute` without autograd if `training` says that nothing learns.
template <class Compute>
auto run_backbone(BackboneTraining training, Compute&& compute) {
  if (training != BackboneTraining::none) return compute();
  at::NoGradGuard const no_grad;
  return compute();
}

/// [B, N, D] of t x h x w patches -> [B, D, t, h, w].
at::Tensor to_map(at::Tensor const& patches, std::int64_t rows,
                  std::int64_t columns) {
  return patches.transpose(1, 2).unflatten(2, {-1, rows, columns});
}

Size3 clip_size(ModelConfig const& config, std::int64_t clip_frames) {
  return {clip_frames, config.semantic.resolution.height,
          config.semantic.resolution.width};
}

struct MotionSizes {
  std::int64_t width, segments;
};

MotionSizes motion_sizes(ModelConfig const& config, std::int64_t clip_frames) {
  if (!is_vit(config.motion.kind)) {
    I3dOptions const i3d = i3d_options(config.motion);
    return {i3d.stages.back().outer,
            i3d_output_size(i3d, clip_size(config, clip_frames))[0]};
  }
  VitOptions const vit = vit_options(config.motion);
  if (clip_frames % vit.tubelet != 0)
    throw usage_error(
        "data.sampling.frames is {} (not a multiple of model.motion.vit."
        "tubelet, {}). Try {}",
        clip_frames, vit.tubelet,
        std::max<std::int64_t>(1, clip_frames / vit.tubelet) * vit.tubelet);
  return {vit.width, clip_frames / vit.tubelet};
}

}  // namespace

FusionSpec fusion_spec(ModelConfig const& config, std::int64_t clip_frames,
                       std::int64_t num_classes) {
  FusionConfig const& fusion = config.fusion;
  FusionSpec spec;
  spec.num_classes = static_cast<int>(num_classes);
  spec.clip_frames = static_cast<int>(clip_frames);
  if (fusion.kind != FusionKind::motion) {
    VitOptions const vit = vit_options(config.semantic);
    spec.semantic_dim = static_cast<int>(vit.width);
    auto const patch = static_cast<int>(vit.patch_px);
    spec.semantic_grid = {config.semantic.resolution.height / patch,
                          config.semantic.resolution.width / patch};
    auto const& frames = config.semantic.frames;
    spec.semantic_frames = frames;
    // One map stands for all frames; which of them it is called after only
    // matters to aligned windows, which are refused then.
    if (config.semantic.frame_pool == FramePool::mean)
      spec.semantic_frames = {frames[frames.size() / 2]};
  } else {
    spec.semantic_frames = {0};  // unused, but inside of any clip
  }
  if (fusion.kind != FusionKind::semantic) {
    MotionSizes const motion = motion_sizes(config, clip_frames);
    spec.motion_dim = static_cast<int>(motion.width);
    spec.motion_segments = static_cast<int>(motion.segments);
    spec.motion_grid = config.motion.grid;
  }
  spec.semantic_width = fusion.semantic_width;
  spec.motion_width = fusion.motion_width;
  spec.graph_layers = fusion.graph.layers;
  spec.graph_heads = fusion.graph.heads;
  spec.graph_semantic_topk = fusion.graph.semantic_topk;
  spec.graph_motion_topk = fusion.graph.motion_topk;
  spec.graph_sim_dim = fusion.graph.sim_dim;
  spec.graph_edges = fusion.graph.edges;
  spec.graph_attention = fusion.graph.attention;
  spec.fusion = fusion.kind;
  spec.fusion_layers = fusion.layers;
  spec.fusion_dim = fusion.dim;
  spec.fusion_heads = fusion.heads;
  spec.window = fusion.window;
  // Only layers with cross-attention have the bias.
  spec.cross_bias = fusion.cross_bias && (fusion.kind == FusionKind::bcast ||
                                          fusion.kind == FusionKind::cross);
  spec.cross_bias_start = fusion.cross_bias_start;
  spec.pool = fusion.pool;
  spec.pool_heads = fusion.pool_heads;
  spec.standardise = fusion.standardise;
  spec.ffn_ratio = fusion.ffn_ratio;
  spec.dropout = fusion.dropout;
  spec.drop_path = fusion.drop_path;
  spec.drop_path_schedule = fusion.drop_path_schedule;
  return spec;
}

VideoModel::VideoModel(ModelConfig const& config, std::int64_t clip_frames,
                       std::int64_t num_classes, Backbones backbones)
    : config_(config), clip_frames_(clip_frames) {
  FusionSpec const spec = fusion_spec(config, clip_frames, num_classes);
  validate(spec, "model.fusion");
  // Drawn in any case: the fusion model's first weights follow from the seed
  // in the same way with backbones and without.
  auto const vit = spec.fusion == FusionKind::motion
                       ? nullptr
                       : std::make_shared<Vit>(vit_options(config.semantic));
  bool const has_motion = spec.fusion != FusionKind::semantic;
  bool const is_motion_vit = is_vit(config.motion.kind);
  auto const i3d = has_motion && !is_motion_vit
                       ? std::make_shared<I3dResNet>(i3d_options(config.motion))
                       : nullptr;
  auto const motion_vit =
      has_motion && is_motion_vit
          ? std::make_shared<Vit>(vit_options(config.motion))
          : nullptr;
  bool const is_built = backbones == Backbones::built;
  if (!is_built && vit) absent_.semantic = num_parameters(*vit);
  if (!is_built && i3d) absent_.motion = num_parameters(*i3d);
  if (!is_built && motion_vit) absent_.motion = num_parameters(*motion_vit);
  if (is_built && vit) {
    semantic_ = register_module("semantic_backbone", vit);
    PixelMap const map =
        make_pixel_map(config.semantic.mean, config.semantic.std, {1, 3, 1, 1});
    semantic_shift_ = register_constant(*this, "semantic_shift", map.shift);
    semantic_scale_ = register_constant(*this, "semantic_scale", map.scale);
    std::vector<std::int64_t> const frames(config.semantic.frames.begin(),
                                           config.semantic.frames.end());
    semantic_frames_ = register_constant(*this, "semantic_frames",
                                         at::tensor(frames, at::kLong));
    choose_learning(config.semantic, *semantic_, {}, "model.semantic");
  }
  if (is_built && has_motion) {
    if (i3d) motion_ = register_module("motion_backbone", i3d);
    if (motion_vit)
      motion_vit_ = register_module("motion_backbone", motion_vit);
    PixelMap const map =
        make_pixel_map(config.motion.mean, config.motion.std, {1, 3, 1, 1, 1});
    motion_shift_ = register_constant(*this, "motion_shift", map.shift);
    motion_scale_ = register_constant(*this, "motion_scale", map.scale);
    choose_learning(config.motion, motion_module(),
                    i3d ? i3d_part_names() : PartNames(), "model.motion");
  }
  cast_ = register_module("gasm_cast", std::make_shared<GasmCast>(spec));
  train(is_training());
}

void VideoModel::train(bool on) {
  torch::nn::Module::train(on);
  if (semantic_ && config_.semantic.train == BackboneTraining::none)
    semantic_->eval();
  if ((motion_ || motion_vit_) &&
      config_.motion.train == BackboneTraining::none)
    motion_module().eval();
}

void VideoModel::set_activations(Activations activations) {
  if (semantic_) semantic_->set_activations(activations);
  if (motion_) motion_->set_activations(activations);
  if (motion_vit_) motion_vit_->set_activations(activations);
  cast_->set_activations(activations);
}

torch::nn::Module& VideoModel::motion_module() {
  if (motion_vit_) return *motion_vit_;
  return *motion_;
}

at::Tensor VideoModel::semantic_features(at::Tensor const& clips) {
  std::int64_t const num_frames = semantic_frames_.numel();
  at::Tensor const pixels =
      clips.index_select(1, semantic_frames_).flatten(0, 1).to(at::kFloat);
  at::Tensor const images =
      at::addcmul(semantic_shift_, pixels, semantic_scale_);
  VitTokens const tokens =
      semantic_->forward(in_order(images, config_.semantic.channels));
  at::Tensor const maps =
      tokens.patches.unflatten(0, {clips.size(0), num_frames});
  return config_.semantic.frame_pool == FramePool::mean
             ? maps.mean(1, /*keepdim=*/true)
             : maps;
}

at::Tensor VideoModel::motion_features(at::Tensor const& clips) {
  at::Tensor const pixels = clips.transpose(1, 2).contiguous().to(at::kFloat);
  // Centring cancels the shift.
  at::Tensor const input =
      config_.motion.input == MotionInput::centred
          ? (pixels - pixels.mean(2, /*keepdim=*/true)) * motion_scale_
          : at::addcmul(motion_shift_, pixels, motion_scale_);
  at::Tensor const seen = in_order(input, config_.motion.channels);
  auto const& [rows, columns] = config_.motion.grid;
  I3dPool const pool =
      config_.motion.pool == MotionPool::max ? I3dPool::max : I3dPool::avg;
  if (motion_) return pool_to_grid(motion_->forward(seen), rows, columns, pool);
  std::int64_t const patch = motion_vit_->options().patch_px;
  return pool_to_grid(to_map(motion_vit_->forward(seen).patches,
                             seen.size(3) / patch, seen.size(4) / patch),
                      rows, columns, pool);
}

StreamFeatures VideoModel::extract(at::Tensor const& clips) {
  if (!has_backbones())
    throw error("clips for a model without backbones. Try features");
  check_clips(clips, clip_frames_, config_.semantic.resolution,
              "frames and model.semantic.resolution");
  StreamFeatures features;
  // Motion first: a clip takes far more memory than its frames, and where it
  // is frozen gives that back before the semantic stream keeps anything.
  if (motion_ || motion_vit_)
    features.motion = run_backbone(config_.motion.train,
                                   [&] { return motion_features(clips); });
  if (semantic_)
    features.semantic = run_backbone(config_.semantic.train,
                                     [&] { return semantic_features(clips); });
  return features;
}

at::Tensor VideoModel::fuse(StreamFeatures const& features, Trace* trace) {
  return cast_->forward(features.semantic, features.motion, trace);
}

std::vector<PartSummary> VideoModel::parts() {
  SemanticConfig const& semantic = config_.semantic;
  std::int64_t const h = semantic.resolution.height;
  std::int64_t const w = semantic.resolution.width;
  FusionSpec const& spec = cast_->spec();
  std::vector<PartSummary> parts;
  if (auto const& vit = semantic_)
    parts.push_back(summarise("semantic_backbone", *vit,
                              static_cast<double>(semantic.frames.size()) *
                                  vit_macs(vit->options(), h, w)));
  if (auto const& i3d = motion_)
    parts.push_back(
        summarise("motion_backbone", *i3d,
                  i3d_macs(i3d->options(), {spec.clip_frames, h, w})));
  if (auto const& vit = motion_vit_)
    parts.push_back(
        summarise("motion_backbone", *vit,
                  vit_macs(vit->options(), h, w, spec.clip_frames)));
  if (absent_.semantic > 0)
    parts.push_back({"semantic_backbone", absent_.semantic, 0, 0.0});
  if (absent_.motion > 0)
    parts.push_back({"motion_backbone", absent_.motion, 0, 0.0});
  parts.push_back(summarise("gasm_cast", *cast_, fusion_macs(spec)));
  return parts;
}

at::Tensor VideoModel::forward(at::Tensor const& clips, Trace* trace) {
  return fuse(extract(clips), trace);
}

std::shared_ptr<VideoModel> make_video_model(ModelConfig const& config,
                                             std::int64_t clip_frames,
                                             std::int64_t num_classes,
                                             std::uint64_t seed,
                                             Backbones backbones) {
  torch::manual_seed(seed);
  return std::make_shared<VideoModel>(config, clip_frames, num_classes,
                                      backbones);
}

}  // namespace gasm
