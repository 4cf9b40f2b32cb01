// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/gasm_cast.hpp"

#include <string>

#include "gasm/base/error.hpp"
#include "gasm/models/block_listener.hpp"
#include "gasm/models/layers.hpp"
#include "gasm/models/named_tensors.hpp"

namespace gasm {
namespace {

std::int64_t num_kept_frames(FusionSpec const& spec) {
  return static_cast<std::int64_t>(spec.semantic_frames.size());
}

/// The width both streams are projected to, or 0.
int common_width(FusionSpec const& spec) {
  return spec.fusion == FusionKind::cross ? spec.fusion_dim : 0;
}

Stream::Sizes semantic_sizes(FusionSpec const& spec) {
  int const common = common_width(spec);
  std::int64_t const h = spec.semantic_grid[0], w = spec.semantic_grid[1];
  return {.dim_in = spec.semantic_dim,
          .width = common ? common : spec.semantic_width,
          .steps = num_kept_frames(spec),
          .places = h * w,
          .grid = {h, w},
          .axis = Stream::GraphAxis::places,
          .topk = spec.graph_semantic_topk};
}

Stream::Sizes motion_sizes(FusionSpec const& spec) {
  int const common = common_width(spec);
  return {.dim_in = spec.motion_dim,
          .width = common ? common : spec.motion_width,
          .steps = spec.motion_segments,
          .places = std::int64_t{spec.motion_grid[0]} * spec.motion_grid[1],
          .grid = {spec.motion_segments},
          .axis = Stream::GraphAxis::time,
          .topk = spec.graph_motion_topk};
}

std::int64_t width_of(Stream::Sizes const& sizes) {
  return sizes.width ? sizes.width : sizes.dim_in;
}

/// [B, steps * L, D] -> [B, D], or [B, steps * D].
at::Tensor pool_tokens(at::Tensor const& x, FusionPool pool,
                       std::int64_t steps) {
  if (pool == FusionPool::mean) return x.mean(1);
  return x.unflatten(1, {steps, -1}).mean(2).flatten(1);
}

void check_input(char const* name, at::Tensor const& x,
                 Stream::Sizes const& sizes) {
  if (!x.defined())
    throw error("the model needs the {} features, and none were given", name);
  if (x.dim() != 4 || x.size(1) != sizes.steps || x.size(2) != sizes.places ||
      x.size(3) != sizes.dim_in)
    throw error(
        "{} features of shape {} for a model that needs [B, {}, {}, {}]", name,
        shape_text(x), sizes.steps, sizes.places, sizes.dim_in);
}

}  // namespace

GasmCast::GasmCast(FusionSpec const& spec) : spec_(spec) {
  validate(spec);
  Stream::Sizes const s = semantic_sizes(spec), m = motion_sizes(spec);
  if (spec.fusion != FusionKind::motion)
    semantic_ = register_module("semantic", std::make_shared<Stream>(s, spec));
  if (spec.fusion != FusionKind::semantic)
    motion_ = register_module("motion", std::make_shared<Stream>(m, spec));
  build_fusion(width_of(s), width_of(m));
  if (semantic_)
    norm_s_ = register_module("norm_s", make_layer_norm(width_of(s)));
  if (motion_)
    norm_m_ = register_module("norm_m", make_layer_norm(width_of(m)));
  build_pools(width_of(s), width_of(m));
  bool const by_time = spec.pool == FusionPool::time_concat;
  build_head(width_of(s) * (by_time ? s.steps : 1),
             width_of(m) * (by_time ? m.steps : 1));
}

void GasmCast::build_fusion(std::int64_t dim_semantic,
                            std::int64_t dim_motion) {
  auto list = register_module("fusion", torch::nn::ModuleList());
  bool const is_bcast = spec_.fusion == FusionKind::bcast;
  if (!is_bcast && spec_.fusion != FusionKind::cross) return;
  for (int i = 0; i < spec_.fusion_layers; ++i) {
    if (is_bcast)
      fusion_.push_back(std::make_shared<BCast>(
          dim_semantic, dim_motion,
          spec_at_depth(spec_, spec_.graph_layers + i)));
    else
      fusion_.push_back(std::make_shared<Cross>(dim_semantic, spec_));
    list->push_back(fusion_.back());
  }
  if (spec_.window == FusionWindow::aligned) {
    masks_ = aligned_masks(spec_);
    register_constant(*this, "mask_sm", masks_.semantic_sees_motion);
    register_constant(*this, "mask_ms", masks_.motion_sees_semantic);
  }
}

void GasmCast::build_head(std::int64_t dim_semantic, std::int64_t dim_motion) {
  std::int64_t const k = spec_.num_classes;
  if (spec_.fusion == FusionKind::late) {
    head_s_ = register_module("head_s", Linear(dim_semantic, k));
    head_m_ = register_module("head_m", Linear(dim_motion, k));
    return;
  }
  std::int64_t const dim =
      (semantic_ ? dim_semantic : 0) + (motion_ ? dim_motion : 0);
  head_ = register_module("head", Linear(dim, k));
}

void GasmCast::set_activations(Activations activations) {
  activations_ = activations;
  if (semantic_) semantic_->set_activations(activations);
  if (motion_) motion_->set_activations(activations);
}

TokenPair GasmCast::run_layer(FusionLayer& layer, TokenPair const& tokens,
                              TraceScope const& trace) {
  // The second pass would write a trace that may be gone by then.
  if (activations_ == Activations::kept || trace.is_on()) {
    announce_block(layer);
    return layer.fuse(tokens, masks_, trace);
  }
  auto const out =
      recomputed(layer,
                 [this, &layer](std::vector<at::Tensor> const& x) {
                   TokenPair const y = layer.fuse({x[0], x[1]}, masks_, {});
                   return std::vector{y.semantic, y.motion};
                 },
                 {tokens.semantic, tokens.motion});
  return {out[0], out[1]};
}

void GasmCast::build_pools(std::int64_t dim_semantic, std::int64_t dim_motion) {
  if (spec_.pool != FusionPool::attention) return;
  std::int64_t const heads = spec_.pool_heads;
  if (semantic_)
    pool_s_ = register_module(
        "pool_s", std::make_shared<AttentionPool>(dim_semantic, heads));
  if (motion_)
    pool_m_ = register_module(
        "pool_m", std::make_shared<AttentionPool>(dim_motion, heads));
}

at::Tensor GasmCast::pool_semantic(at::Tensor const& tokens,
                                   TraceScope const& trace) {
  at::Tensor const x = norm_s_(tokens);
  if (pool_s_) return pool_s_->forward(x, trace, "pool_s");
  return pool_tokens(x, spec_.pool, num_kept_frames(spec_));
}

at::Tensor GasmCast::pool_motion(at::Tensor const& tokens,
                                 TraceScope const& trace) {
  at::Tensor const x = norm_m_(tokens);
  if (pool_m_) return pool_m_->forward(x, trace, "pool_m");
  return pool_tokens(x, spec_.pool, spec_.motion_segments);
}

at::Tensor GasmCast::forward(at::Tensor const& semantic,
                             at::Tensor const& motion, Trace* trace) {
  TraceScope const root(trace);
  Stream::Sizes const s = semantic_sizes(spec_), m = motion_sizes(spec_);
  TokenPair tokens;
  if (semantic_) {
    check_input("semantic", semantic, s);
    tokens.semantic =
        semantic_->forward(semantic, root.below("semantic")).flatten(1, 2);
  }
  if (motion_) {
    check_input("motion", motion, m);
    tokens.motion =
        motion_->forward(motion, root.below("motion")).flatten(1, 2);
  }
  for (std::size_t i = 0; i < fusion_.size(); ++i)
    tokens = run_layer(*fusion_[i], tokens,
                       root.below("fusion." + std::to_string(i)));
  std::vector<at::Tensor> pooled;
  if (semantic_) {
    pooled.push_back(pool_semantic(tokens.semantic, root));
    root.record("semantic_pooled", pooled.back());
  }
  if (motion_) {
    pooled.push_back(pool_motion(tokens.motion, root));
    root.record("motion_pooled", pooled.back());
  }
  auto const drop = [&](at::Tensor const& x) {
    return at::dropout(x, spec_.dropout, is_training());
  };
  if (head_s_) return head_s_(drop(pooled[0])) + head_m_(drop(pooled[1]));
  return head_(drop(at::cat(pooled, -1)));
}

}  // namespace gasm
