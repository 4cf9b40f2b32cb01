// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/graph_attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cast_once.hpp"
#include "dense_graph_attention.hpp"
#include "gasm/base/error.hpp"
#include "gasm/config/fusion_spec.hpp"

namespace gasm {
namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

/// From here on gathering is the faster form (docs/benchmarks.md).
constexpr std::int64_t kGatherFrom = 1024;

/// Values at the edges of each node, [..., N, K], among all pairs as zeros.
at::Tensor spread(at::Tensor const& listed, at::Tensor const& list) {
  at::Tensor all = at::zeros(
      {listed.size(0), listed.size(1), listed.size(2), listed.size(2)},
      listed.options());
  return all.scatter_(-1, list.unsqueeze(1).expand(listed.sizes()), listed);
}

}  // namespace

std::int64_t list_length(GraphForm form, std::vector<std::int64_t> const& grid,
                         std::int64_t topk) {
  // Self and neighbours are at most three along each axis.
  std::int64_t num_nodes = 1, num_near = 1;
  for (std::int64_t n : grid) {
    num_nodes *= n;
    num_near *= std::min<std::int64_t>(n, 3);
  }
  bool const gathers =
      form == GraphForm::gather ||
      (form == GraphForm::automatic && num_nodes >= kGatherFrom);
  return gathers ? std::min(num_nodes, num_near + topk) : 0;
}

GraphAttention::GraphAttention(GraphOptions const& options)
    : heads_(options.heads),
      topk_(options.topk),
      list_length_(list_length(options.form, options.grid, options.topk)) {
  StructuralEdges const edges = structural_edges(options.grid);
  std::int64_t const dim = options.dim;
  neighbour_ = register_constant(*this, "neighbour", edges.neighbour);
  offset_ = register_constant(*this, "offset", edges.offset);
  type_bias_ = register_parameter("type_bias", torch::zeros({heads_, 3}));
  rel_bias_ =
      register_parameter("rel_bias", torch::zeros({heads_, edges.num_offsets}));
  sim_gain_ = register_parameter("sim_gain", torch::zeros({heads_}));
  norm_ = register_module("norm", make_layer_norm(dim));
  q_ = register_module("q", Linear(dim, dim));
  k_ = register_module("k", Linear(dim, dim));
  v_ = register_module("v", Linear(dim, dim));
  o_ = register_module("o", Linear(dim, dim));
  if (options.edges == GraphEdges::frozen) return;
  auto sim = torch::nn::LinearOptions(dim, options.sim_dim);
  sim_ = register_module("sim", Linear(sim.bias(false)));
}

EdgeSet GraphAttention::choose(at::Tensor const& cosine) const {
  EdgeSet edges;
  edges.cosine = cosine;
  edges.kind = choose_edges(cosine, neighbour_, topk_);
  if (list_length_ > 0) edges.list = edge_lists(edges.kind, list_length_);
  return edges;
}

at::Tensor GraphAttention::shared_bias() const {
  // Gathering type_bias[kind] would scatter its gradient element by element;
  // a product with each kind's mask adds the same number.
  auto const type = [&](std::int64_t k, at::Tensor const& mask) {
    return type_bias_.select(1, k).view({heads_, 1, 1}) *
           mask.to(type_bias_.scalar_type());
  };
  at::Tensor const self = at::eye(neighbour_.size(0), neighbour_.options());
  at::Tensor const relative =
      at::embedding(rel_bias_.t(), offset_).permute({2, 0, 1});
  return relative + type(0, self) + type(1, neighbour_);
}

at::Tensor GraphAttention::attend_all(at::Tensor const& q, at::Tensor const& k,
                                      at::Tensor const& v, EdgeSet const& edges,
                                      TraceScope const& trace) const {
  Attended const attended = attend_densely(q, k, v,
                                           {.relative = shared_bias(),
                                            .gain = sim_gain_,
                                            .similar = type_bias_.select(1, 2),
                                            .cosine = edges.cosine,
                                            .kind = edges.kind});
  trace.record("weight", attended.weight);
  return attended.mixed;
}

/// [G, H, N, K] for the kinds [G, N, K] of listed edges.
at::Tensor GraphAttention::listed_biases(EdgeSet const& edges,
                                         at::Tensor const& kind) const {
  at::Tensor const offset =
      offset_.expand(edges.kind.sizes()).gather(-1, edges.list);
  at::Tensor const relative = at::embedding(rel_bias_.t(), offset);
  // at::one_hot would look at the largest kind.
  at::Tensor const types =
      kind.clamp_min(0).unsqueeze(-1).eq(at::arange(3, kind.options()));
  at::Tensor const type =
      at::matmul(types.to(type_bias_.scalar_type()), type_bias_.t());
  at::Tensor const cosine = edges.cosine.gather(-1, edges.list).unsqueeze(-1);
  return (relative + type + cosine * sim_gain_).permute({0, 3, 1, 2});
}

at::Tensor GraphAttention::attend_listed(at::Tensor const& q,
                                         at::Tensor const& k,
                                         at::Tensor const& v,
                                         EdgeSet const& edges,
                                         TraceScope const& trace) const {
  std::int64_t const g = q.size(0), n = q.size(2), d = q.size(3);
  at::Tensor const first = at::arange(g * heads_, edges.list.options()) * n;
  at::Tensor const rows =
      edges.list.unsqueeze(1) + first.view({g, heads_, 1, 1});
  // An embedding, because its gradient is summed in a fixed order everywhere.
  auto const gather = [&](at::Tensor const& x) {
    return at::embedding(x.reshape({g * heads_ * n, d}), rows);
  };
  double const root = std::sqrt(static_cast<double>(d));
  at::Tensor const kind = edges.kind.gather(-1, edges.list);
  at::Tensor const dot =
      at::matmul(gather(k), q.unsqueeze(-1)).squeeze(-1) / root;
  at::Tensor const weight =
      (dot + listed_biases(edges, kind))
          .masked_fill((kind < 0).unsqueeze(1), kMinusInfinity)
          .softmax(-1);
  if (trace.is_on()) trace.record("weight", spread(weight, edges.list));
  return join_heads(at::matmul(weight.unsqueeze(-2), gather(v)).squeeze(-2));
}

at::Tensor GraphAttention::forward(at::Tensor const& x, TraceScope const& trace,
                                   EdgeSet const* frozen) {
  GASM_ASSERT(sim_.is_empty() == (frozen != nullptr));
  at::Tensor const y = cast_once(norm_(x));
  EdgeSet const edges = frozen ? *frozen : choose(cosine_similarity(sim_(y)));
  if (trace.is_on()) trace.record("edges", edges.kind.to(at::kLong));
  at::Tensor const q = split_heads(q_(y), heads_);
  at::Tensor const k = split_heads(k_(y), heads_);
  at::Tensor const v = split_heads(v_(y), heads_);
  return o_(list_length_ > 0 ? attend_listed(q, k, v, edges, trace)
                             : attend_all(q, k, v, edges, trace));
}

GraphBlock::GraphBlock(GraphOptions const& options, FusionSpec const& spec)
    : drop_path_(spec.drop_path) {
  attn_ = register_module("attn", std::make_shared<GraphAttention>(options));
  norm_ = register_module("norm", make_layer_norm(options.dim));
  ffn_ = register_module(
      "ffn", std::make_shared<Ffn>(options.dim, spec.ffn_ratio, spec.dropout));
}

at::Tensor GraphBlock::forward(at::Tensor const& x, TraceScope const& trace,
                               EdgeSet const* frozen) {
  auto const branch = [&](at::Tensor const& value) {
    return drop_path(value, drop_path_, is_training());
  };
  at::Tensor const y = x + branch(attn_->forward(x, trace, frozen));
  return y + branch(ffn_->forward(norm_(y)));
}

}  // namespace gasm
