// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/graph_attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gasm/config/fusion_spec.hpp"

namespace gasm {
namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

at::Tensor identity(std::int64_t n, at::Device device) {
  return at::eye(n, at::TensorOptions().dtype(at::kBool).device(device));
}

}  // namespace

StructuralEdges structural_edges(std::vector<std::int64_t> const& grid) {
  std::vector<at::Tensor> axes;
  for (std::int64_t n : grid) axes.push_back(at::arange(n, at::kLong));
  auto const rank = static_cast<std::int64_t>(grid.size());
  at::Tensor const place =
      at::stack(at::meshgrid(axes, "ij"), -1).reshape({-1, rank});
  // [i, j, axis]: where j lies as seen from i.
  at::Tensor const delta = place.unsqueeze(0) - place.unsqueeze(1);
  StructuralEdges edges;
  edges.neighbour = delta.abs().amax(-1) == 1;
  edges.num_offsets = 1;
  edges.offset = at::zeros_like(delta.select(-1, 0));
  for (std::int64_t a = 0; a < rank; ++a) {
    std::int64_t const n = grid[static_cast<std::size_t>(a)];
    edges.offset = edges.offset * (2 * n - 1) + (delta.select(-1, a) + (n - 1));
    edges.num_offsets *= 2 * n - 1;
  }
  return edges;
}

at::Tensor choose_edges(at::Tensor const& cosine, at::Tensor const& neighbour,
                        std::int64_t topk) {
  at::NoGradGuard const no_grad;
  std::int64_t const n = cosine.size(-1);
  at::Tensor const self = identity(n, cosine.device());
  at::Tensor const score =
      cosine.detach().masked_fill(self.logical_or(neighbour), kMinusInfinity);
  at::Tensor const best = std::get<1>(
      at::sort(score, /*stable=*/true, /*dim=*/-1, /*descending=*/true));
  at::Tensor kind = at::full_like(cosine, -1, at::kLong);
  kind.scatter_(-1, best.narrow(-1, 0, std::min(topk, n)), 2);
  // With fewer than topk candidates the rest of `best` are fixed edges.
  kind.masked_fill_(score.isinf(), -1);
  return kind.masked_fill_(neighbour, 1).masked_fill_(self, 0);
}

GraphAttention::GraphAttention(std::int64_t dim, std::int64_t heads,
                               std::vector<std::int64_t> const& grid,
                               std::int64_t topk, std::int64_t sim_dim)
    : heads_(heads), topk_(topk) {
  StructuralEdges const edges = structural_edges(grid);
  neighbour_ = register_constant(*this, "neighbour", edges.neighbour);
  offset_ = register_constant(*this, "offset", edges.offset);
  type_bias_ = register_parameter("type_bias", torch::zeros({heads, 3}));
  rel_bias_ =
      register_parameter("rel_bias", torch::zeros({heads, edges.num_offsets}));
  sim_gain_ = register_parameter("sim_gain", torch::zeros({heads}));
  norm_ = register_module("norm", make_layer_norm(dim));
  q_ = register_module("q", torch::nn::Linear(dim, dim));
  k_ = register_module("k", torch::nn::Linear(dim, dim));
  v_ = register_module("v", torch::nn::Linear(dim, dim));
  o_ = register_module("o", torch::nn::Linear(dim, dim));
  sim_ = register_module(
      "sim",
      torch::nn::Linear(torch::nn::LinearOptions(dim, sim_dim).bias(false)));
}

at::Tensor GraphAttention::add_biases(at::Tensor const& dot,
                                      at::Tensor const& kind,
                                      at::Tensor const& cosine) const {
  // Gathering type_bias[kind] would scatter its gradient element by element;
  // a product with each kind's mask adds the same number.
  auto const type = [&](std::int64_t k) {
    return type_bias_.select(1, k).view({heads_, 1, 1});
  };
  auto const where = [&](at::Tensor const& mask) {
    return mask.to(dot.scalar_type());
  };
  at::Tensor const self = identity(kind.size(-1), kind.device());
  at::Tensor const relative =
      at::embedding(rel_bias_.t(), offset_).permute({2, 0, 1});
  at::Tensor const fixed = type(0) * where(self) + type(1) * where(neighbour_);
  at::Tensor const similar = type(2) * where(kind == 2).unsqueeze(1);
  at::Tensor const likeness =
      sim_gain_.view({heads_, 1, 1}) * cosine.unsqueeze(1);
  return ((dot + relative) + fixed) + similar + likeness;
}

at::Tensor GraphAttention::forward(at::Tensor const& x,
                                   TraceScope const& trace) {
  namespace F = torch::nn::functional;
  at::Tensor const y = norm_(x);
  at::Tensor const z =
      F::normalize(sim_(y), F::NormalizeFuncOptions().dim(-1).eps(1e-6));
  at::Tensor const cosine = at::matmul(z, z.transpose(1, 2));
  at::Tensor const kind = choose_edges(cosine, neighbour_, topk_);
  at::Tensor const q = split_heads(q_(y), heads_);
  at::Tensor const k = split_heads(k_(y), heads_);
  at::Tensor const v = split_heads(v_(y), heads_);
  double const root = std::sqrt(static_cast<double>(q.size(-1)));
  at::Tensor const dot = at::matmul(q, k.transpose(-1, -2)) / root;
  at::Tensor const weight =
      add_biases(dot, kind, cosine)
          .masked_fill((kind < 0).unsqueeze(1), kMinusInfinity)
          .softmax(-1);
  trace.record("edges", kind);
  trace.record("weight", weight);
  return o_(join_heads(at::matmul(weight, v)));
}

GraphBlock::GraphBlock(std::int64_t dim, FusionSpec const& spec,
                       std::vector<std::int64_t> const& grid, std::int64_t topk)
    : drop_path_(spec.drop_path) {
  attn_ = register_module(
      "attn", std::make_shared<GraphAttention>(dim, spec.graph_heads, grid,
                                               topk, spec.graph_sim_dim));
  norm_ = register_module("norm", make_layer_norm(dim));
  ffn_ = register_module(
      "ffn", std::make_shared<Ffn>(dim, spec.ffn_ratio, spec.dropout));
}

at::Tensor GraphBlock::forward(at::Tensor const& x, TraceScope const& trace) {
  auto const branch = [&](at::Tensor const& value) {
    return drop_path(value, drop_path_, is_training());
  };
  at::Tensor const y = x + branch(attn_->forward(x, trace));
  return y + branch(ffn_->forward(norm_(y)));
}

}  // namespace gasm
