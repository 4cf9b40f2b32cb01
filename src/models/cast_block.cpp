// SPDX-License-Identifier: Apache-2.0
#include "cast_block.hpp"

#include <cmath>

#include "gasm/models/layers.hpp"

namespace gasm {
namespace {

constexpr double kNormEps = 1e-6;
constexpr double kMlpAdapterScale = 0.5;

Linear make_zero_linear(std::int64_t in, std::int64_t out) {
  Linear linear = make_cast_linear(in, out);
  torch::nn::init::zeros_(linear->weight);
  return linear;
}

/// [B * F, N, R] of frames -> [B * N, F, R] of places, and the reverse.
at::Tensor swap_windows(at::Tensor const& x, std::int64_t outer) {
  return x.unflatten(0, {-1, outer}).transpose(1, 2).flatten(0, 1);
}

}  // namespace

Linear make_cast_linear(std::int64_t in, std::int64_t out) {
  Linear linear(in, out);
  // Published as a normal cut at +-2, which is 100 standard deviations away.
  torch::nn::init::normal_(linear->weight, 0.0, 0.02);
  torch::nn::init::zeros_(linear->bias);
  return linear;
}

Adapter::Adapter(std::int64_t width, std::int64_t hidden, Skip skip)
    : skip_(skip) {
  down_ = register_module("down", make_cast_linear(width, hidden));
  up_ = register_module("up", make_zero_linear(hidden, width));
}

at::Tensor Adapter::forward(at::Tensor const& x) {
  at::Tensor const change = up_(at::gelu(down_(x)));
  return skip_ == Skip::yes ? x + change : change;
}

WindowAttention::WindowAttention(std::int64_t width, std::int64_t heads,
                                 std::int64_t length)
    : heads_(heads) {
  double const scale =
      1.0 / std::sqrt(static_cast<double>(width) / static_cast<double>(heads));
  query_pos_ =
      register_parameter("query_pos", scale * torch::randn({length, width}));
  context_pos_ =
      register_parameter("context_pos", scale * torch::randn({length, width}));
  q_ = register_module("q", make_cast_linear(width, width));
  k_ = register_module("k", make_cast_linear(width, width));
  v_ = register_module("v", make_cast_linear(width, width));
  o_ = register_module("o", make_cast_linear(width, width));
}

at::Tensor WindowAttention::forward(at::Tensor const& query,
                                    at::Tensor const& context) {
  at::Tensor const placed = context + context_pos_;
  return o_(join_heads(at::scaled_dot_product_attention(
      split_heads(q_(query + query_pos_), heads_),
      split_heads(k_(placed), heads_), split_heads(v_(placed), heads_))));
}

BottleneckCross::BottleneckCross(CastConfig const& config,
                                 std::int64_t num_frames,
                                 std::int64_t num_places)
    : num_frames_(num_frames), num_places_(num_places) {
  std::int64_t const d = config.width, r = bottleneck_width(config);
  spatial_down_ = register_module("spatial_down", make_cast_linear(d, r));
  temporal_down_ = register_module("temporal_down", make_cast_linear(d, r));
  spatial_norm_ = register_module("spatial_norm", make_layer_norm(r, kNormEps));
  temporal_norm_ =
      register_module("temporal_norm", make_layer_norm(r, kNormEps));
  over_time_ = register_module("over_time", std::make_shared<WindowAttention>(
                                                r, config.heads, num_frames));
  over_space_ = register_module("over_space", std::make_shared<WindowAttention>(
                                                  r, config.heads, num_places));
  spatial_up_ = register_module("spatial_up", make_zero_linear(r, d));
  temporal_up_ = register_module("temporal_up", make_zero_linear(r, d));
}

CastTokens BottleneckCross::forward(CastTokens const& tokens) {
  at::Tensor const spatial = spatial_norm_(spatial_down_(tokens.spatial));
  at::Tensor const cls = spatial.narrow(1, 0, 1);
  at::Tensor const patches = spatial.narrow(1, 1, num_places_);
  at::Tensor const frames = temporal_norm_(temporal_down_(tokens.temporal))
                                .unflatten(1, {num_frames_, num_places_})
                                .flatten(0, 1);
  at::Tensor const over_time =
      swap_windows(over_time_->forward(swap_windows(patches, num_frames_),
                                       swap_windows(frames, num_frames_)),
                   num_places_);
  at::Tensor const over_space = over_space_->forward(frames, patches)
                                    .unflatten(0, {-1, num_frames_})
                                    .flatten(1, 2);
  return {spatial_up_(at::gelu(at::cat({cls, over_time}, 1))),
          temporal_up_(at::gelu(over_space))};
}

CastBlock::CastBlock(CastConfig const& config, std::int64_t num_frames,
                     std::int64_t num_places, double drop)
    : drop_(drop) {
  auto const adapter = [&](char const* name, Adapter::Skip skip) {
    return register_module(
        name,
        std::make_shared<Adapter>(config.width, adapter_width(config), skip));
  };
  spatial_adapter_ = adapter("spatial_adapter", Adapter::Skip::yes);
  temporal_adapter_ = adapter("temporal_adapter", Adapter::Skip::yes);
  cross_ = register_module("cross", std::make_shared<BottleneckCross>(
                                        config, num_frames, num_places));
  spatial_mlp_adapter_ = adapter("spatial_mlp_adapter", Adapter::Skip::no);
  temporal_mlp_adapter_ = adapter("temporal_mlp_adapter", Adapter::Skip::no);
}

at::Tensor CastBlock::drop_spatial(at::Tensor const& x) {
  // Drops places, the same of all frames and clips: as published, where the
  // spatial stream has its tokens first.
  return drop_path(x.transpose(0, 1), drop_, is_training()).transpose(0, 1);
}

at::Tensor CastBlock::drop_temporal(at::Tensor const& x) {
  return drop_path(x, drop_, is_training());
}

CastTokens CastBlock::forward(CastTokens tokens, VitBlock& clip,
                              VitBlock& videomae) {
  auto& [s, t] = tokens;
  s = s + spatial_adapter_->forward(clip.attend(s, {}));
  t = t + temporal_adapter_->forward(videomae.attend(t, {}));
  CastTokens const crossed = cross_->forward(tokens);
  s = s + drop_spatial(crossed.spatial);
  t = t + drop_temporal(crossed.temporal);
  at::Tensor const s_normed = clip.norm_for_mlp(s);
  s = s + clip.feed(s_normed) +
      drop_spatial(kMlpAdapterScale * spatial_mlp_adapter_->forward(s_normed));
  at::Tensor const t_normed = videomae.norm_for_mlp(t);
  t = t + videomae.feed(t_normed) +
      drop_temporal(kMlpAdapterScale *
                    temporal_mlp_adapter_->forward(t_normed));
  return tokens;
}

}  // namespace gasm
