// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/cross_attention.hpp"

#include <cmath>
#include <limits>

#include "cast_once.hpp"
#include "gasm/config/fusion_spec.hpp"
#include "gasm/models/layers.hpp"

namespace gasm {
namespace {

/// Centres of `cells` equal parts of `length` patches, in patches.
at::Tensor cell_centres(std::int64_t cells, std::int64_t length) {
  return (at::arange(cells, at::kFloat) + 0.5) * static_cast<double>(length) /
         static_cast<double>(cells);
}

/// Which kept frame is nearest to the centre of a motion segment.
std::int64_t nearest_frame(FusionSpec const& spec, std::int64_t segment) {
  double const span = static_cast<double>(spec.clip_frames) /
                      static_cast<double>(spec.motion_segments);
  double const centre = (static_cast<double>(segment) + 0.5) * span - 0.5;
  std::size_t best = 0;
  auto const distance = [&](std::size_t j) {
    return std::abs(static_cast<double>(spec.semantic_frames[j]) - centre);
  };
  for (std::size_t j = 1; j < spec.semantic_frames.size(); ++j)
    if (distance(j) < distance(best)) best = j;
  return static_cast<std::int64_t>(best);
}

}  // namespace

CrossAttention::CrossAttention(std::int64_t dim, std::int64_t heads,
                               at::Tensor const& distance, double start)
    : heads_(heads) {
  if (distance.defined()) {
    distance_ = register_constant(*this, "distance", distance);
    pos_gain_ = register_parameter("pos_gain", torch::full({heads}, start));
  }
  q_ = register_module("q", Linear(dim, dim));
  k_ = register_module("k", Linear(dim, dim));
  v_ = register_module("v", Linear(dim, dim));
  o_ = register_module("o", Linear(dim, dim));
}

at::Tensor CrossAttention::forward(at::Tensor const& query,
                                   at::Tensor const& context,
                                   at::Tensor const& mask,
                                   TraceScope const& trace, char const* name) {
  at::Tensor const q = split_heads(q_(query), heads_);
  at::Tensor const seen = cast_once(context);
  at::Tensor const k = split_heads(k_(seen), heads_);
  at::Tensor const v = split_heads(v_(seen), heads_);
  double const root = std::sqrt(static_cast<double>(q.size(-1)));
  at::Tensor logit = at::matmul(q, k.transpose(-1, -2)) / root;
  if (distance_.defined())
    logit = logit - pos_gain_.view({heads_, 1, 1}) * distance_;
  if (mask.defined())
    logit = logit.masked_fill(mask.logical_not(),
                              -std::numeric_limits<double>::infinity());
  at::Tensor const weight = logit.softmax(-1);
  trace.record(name, weight);
  return o_(join_heads(at::matmul(weight, v)));
}

at::Tensor squared_distance(FusionSpec const& spec) {
  std::int64_t const h = spec.semantic_grid[0], w = spec.semantic_grid[1];
  std::int64_t const ph = spec.motion_grid[0], pw = spec.motion_grid[1];
  auto const s = static_cast<std::int64_t>(spec.semantic_frames.size());
  std::int64_t const m = spec.motion_segments;
  // [h, 1, ph, 1] and [1, w, 1, pw]: the axes are independent.
  at::Tensor const dy = cell_centres(h, h).view({h, 1, 1, 1}) -
                        cell_centres(ph, h).view({1, 1, ph, 1});
  at::Tensor const dx = cell_centres(w, w).view({1, w, 1, 1}) -
                        cell_centres(pw, w).view({1, 1, 1, pw});
  return (dy.square() + dx.square())
      .reshape({1, h * w, 1, ph * pw})
      .expand({s, h * w, m, ph * pw})
      .reshape({s * h * w, m * ph * pw});
}

AlignedMasks aligned_masks(FusionSpec const& spec) {
  std::int64_t const h = spec.semantic_grid[0], w = spec.semantic_grid[1];
  std::int64_t const ph = spec.motion_grid[0], pw = spec.motion_grid[1];
  auto const s = static_cast<std::int64_t>(spec.semantic_frames.size());
  std::int64_t const m = spec.motion_segments, n = h * w, p = ph * pw;
  at::Tensor covers = at::zeros({n, p}, at::kBool);
  for (std::int64_t y = 0; y < h; ++y)
    for (std::int64_t x = 0; x < w; ++x)
      covers[y * w + x][(y * ph / h) * pw + x * pw / w] = true;
  at::Tensor near = at::zeros({m, s}, at::kBool);
  for (std::int64_t t = 0; t < m; ++t) near[t][nearest_frame(spec, t)] = true;
  AlignedMasks masks;
  masks.semantic_sees_motion =
      covers.view({1, n, 1, p}).expand({s, n, m, p}).reshape({s * n, m * p});
  masks.motion_sees_semantic =
      near.view({m, 1, s, 1}).expand({m, p, s, n}).reshape({m * p, s * n});
  return masks;
}

}  // namespace gasm
