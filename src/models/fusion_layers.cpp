// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/fusion_layers.hpp"

#include "gasm/config/fusion_spec.hpp"

namespace gasm {
namespace {

/// The two directions of cross-attention at one width.
struct Directions {
  std::shared_ptr<CrossAttention> s_from_m, m_from_s;
};

Directions make_directions(std::int64_t dim, FusionSpec const& spec) {
  at::Tensor const near =
      spec.cross_bias ? squared_distance(spec) : at::Tensor();
  at::Tensor const back = near.defined() ? near.t().contiguous() : near;
  auto const make = [&](at::Tensor const& distance) {
    return std::make_shared<CrossAttention>(dim, spec.fusion_heads, distance,
                                            spec.cross_bias_start);
  };
  return {make(near), make(back)};
}

std::shared_ptr<Ffn> make_ffn(std::int64_t dim, FusionSpec const& spec) {
  return std::make_shared<Ffn>(dim, spec.ffn_ratio, spec.dropout);
}

Linear make_zero_linear(std::int64_t in, std::int64_t out) {
  Linear linear(in, out);
  torch::nn::init::zeros_(linear->weight);
  torch::nn::init::zeros_(linear->bias);
  return linear;
}

}  // namespace

FusionSpec spec_at_depth(FusionSpec const& spec, int depth) {
  FusionSpec here = spec;
  int const last = spec.graph_layers - 1 +
                   (spec.fusion == FusionKind::bcast ? spec.fusion_layers : 0);
  if (spec.drop_path_schedule == DropPathSchedule::linear && last > 0)
    here.drop_path = spec.drop_path * depth / last;
  return here;
}

BCast::BCast(std::int64_t dim_semantic, std::int64_t dim_motion,
             FusionSpec const& spec)
    : drop_path_(spec.drop_path) {
  std::int64_t const r = spec.fusion_dim, ds = dim_semantic, dm = dim_motion;
  auto const steps = static_cast<std::int64_t>(spec.semantic_frames.size());
  std::int64_t const ns = steps * spec.semantic_grid[0] * spec.semantic_grid[1];
  std::int64_t const nm = std::int64_t{spec.motion_segments} *
                          spec.motion_grid[0] * spec.motion_grid[1];
  pos_s_ = register_parameter("pos_s", torch::zeros({ns, r}));
  pos_m_ = register_parameter("pos_m", torch::zeros({nm, r}));
  down_s_ = register_module("down_s", Linear(ds, r));
  down_m_ = register_module("down_m", Linear(dm, r));
  norm_s_ = register_module("norm_s", make_layer_norm(r));
  norm_m_ = register_module("norm_m", make_layer_norm(r));
  Directions const both = make_directions(r, spec);
  s_from_m_ = register_module("s_from_m", both.s_from_m);
  m_from_s_ = register_module("m_from_s", both.m_from_s);
  up_s_ = register_module("up_s", make_zero_linear(r, ds));
  up_m_ = register_module("up_m", make_zero_linear(r, dm));
  ffn_norm_s_ = register_module("ffn_norm_s", make_layer_norm(ds));
  ffn_norm_m_ = register_module("ffn_norm_m", make_layer_norm(dm));
  ffn_s_ = register_module("ffn_s", make_ffn(ds, spec));
  ffn_m_ = register_module("ffn_m", make_ffn(dm, spec));
}

TokenPair BCast::fuse(TokenPair const& tokens, AlignedMasks const& masks,
                      TraceScope const& trace) {
  auto const branch = [&](at::Tensor const& value) {
    return drop_path(value, drop_path_, is_training());
  };
  at::Tensor const zs = norm_s_(down_s_(tokens.semantic)) + pos_s_;
  at::Tensor const zm = norm_m_(down_m_(tokens.motion)) + pos_m_;
  at::Tensor const to_s =
      s_from_m_->forward(zs, zm, masks.semantic_sees_motion, trace, "s_from_m");
  at::Tensor const to_m =
      m_from_s_->forward(zm, zs, masks.motion_sees_semantic, trace, "m_from_s");
  at::Tensor s = tokens.semantic + branch(up_s_(at::gelu(to_s)));
  at::Tensor m = tokens.motion + branch(up_m_(at::gelu(to_m)));
  s = s + branch(ffn_s_->forward(ffn_norm_s_(s)));
  m = m + branch(ffn_m_->forward(ffn_norm_m_(m)));
  return {s, m};
}

Cross::Cross(std::int64_t dim, FusionSpec const& spec)
    : dropout_(spec.dropout) {
  Directions const both = make_directions(dim, spec);
  s_from_m_ = register_module("s_from_m", both.s_from_m);
  m_from_s_ = register_module("m_from_s", both.m_from_s);
  norm_s_ = register_module("norm_s", make_layer_norm(dim));
  norm_m_ = register_module("norm_m", make_layer_norm(dim));
  ffn_s_ = register_module("ffn_s", make_ffn(dim, spec));
  ffn_m_ = register_module("ffn_m", make_ffn(dim, spec));
  ffn_norm_s_ = register_module("ffn_norm_s", make_layer_norm(dim));
  ffn_norm_m_ = register_module("ffn_norm_m", make_layer_norm(dim));
}

TokenPair Cross::fuse(TokenPair const& tokens, AlignedMasks const& masks,
                      TraceScope const& trace) {
  auto const drop = [&](at::Tensor const& value) {
    return at::dropout(value, dropout_, is_training());
  };
  at::Tensor const& s = tokens.semantic;
  at::Tensor const& m = tokens.motion;
  at::Tensor const to_s =
      s_from_m_->forward(s, m, masks.semantic_sees_motion, trace, "s_from_m");
  at::Tensor const to_m =
      m_from_s_->forward(m, s, masks.motion_sees_semantic, trace, "m_from_s");
  at::Tensor const mixed_s = norm_s_(s + drop(to_s));
  at::Tensor const mixed_m = norm_m_(m + drop(to_m));
  return {ffn_norm_s_(mixed_s + drop(ffn_s_->forward(mixed_s))),
          ffn_norm_m_(mixed_m + drop(ffn_m_->forward(mixed_m)))};
}

}  // namespace gasm
