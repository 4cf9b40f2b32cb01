// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "gasm/config/fusion_config.hpp"
#include "gasm/models/graph_edges.hpp"
#include "gasm/models/layers.hpp"
#include "gasm/models/linear.hpp"
#include "gasm/models/trace.hpp"

namespace gasm {

struct FusionSpec;

struct GraphOptions {
  std::int64_t dim = 0, heads = 1;
  std::vector<std::int64_t> grid;  ///< (h, w) patches or (M) segments
  std::int64_t topk = 0;           ///< similar nodes besides the neighbours
  std::int64_t sim_dim = 64;       ///< learned edges only
  GraphEdges edges = GraphEdges::learned;
  GraphForm form = GraphForm::automatic;
};

/// K, the most edges that a node of such a graph has, where attention gathers
/// them; 0 where it is dense.
std::int64_t list_length(GraphForm form, std::vector<std::int64_t> const& grid,
                         std::int64_t topk);

/// The edges of a batch of graphs.
struct EdgeSet {
  at::Tensor cosine;  ///< [G, N, N]
  at::Tensor kind;    ///< i8 [G, N, N] (choose_edges)
  at::Tensor list;    ///< i64 [G, N, K] (edge_lists); undefined if dense
};

/// Attention along the edges of a graph: x [G, N, D] -> [G, N, D].
///
///   logit_ij = q_i . k_j / sqrt(d) + type_bias[kind_ij] + rel_bias[offset_ij]
///              + sim_gain * cosine_ij,   minus infinity without an edge,
///
/// on y = LayerNorm(x). Learned edges: cosine between rows of `sim`(y); their
/// choice carries no gradient, and sim_gain * cosine is what learns the
/// graph. Frozen edges are given, and there is no `sim`.
///
/// Two forms of the same arithmetic: dense is masked attention over all
/// pairs, gather collects the keys and values of the edges alone.
class GraphAttention : public torch::nn::Module {
 public:
  explicit GraphAttention(GraphOptions const& options);

  /// The edges that a similarity [G, N, N] means here.
  EdgeSet choose(at::Tensor const& cosine) const;
  /// `frozen`: with frozen edges (asserted), what choose() made.
  at::Tensor forward(at::Tensor const& x, TraceScope const& trace = {},
                     EdgeSet const* frozen = nullptr);

 private:
  at::Tensor attend_all(at::Tensor const& q, at::Tensor const& k,
                        at::Tensor const& v, EdgeSet const& edges,
                        TraceScope const& trace) const;
  at::Tensor attend_listed(at::Tensor const& q, at::Tensor const& k,
                           at::Tensor const& v, EdgeSet const& edges,
                           TraceScope const& trace) const;
  /// [H, N, N]: all of the bias that depends on places alone.
  at::Tensor shared_bias() const;
  at::Tensor listed_biases(EdgeSet const& edges, at::Tensor const& kind) const;

  std::int64_t heads_, topk_;
  std::int64_t list_length_;  ///< K, 0 if dense
  at::Tensor neighbour_;
  at::Tensor offset_;
  torch::nn::LayerNorm norm_{nullptr};
  Linear q_{nullptr}, k_{nullptr}, v_{nullptr}, o_{nullptr};
  Linear sim_{nullptr};
  at::Tensor type_bias_, rel_bias_, sim_gain_;
};

/// x += GraphAttention(x); x += FFN(LayerNorm x), each behind drop-path.
class GraphBlock : public torch::nn::Module {
 public:
  GraphBlock(GraphOptions const& options, FusionSpec const& spec);
  EdgeSet choose(at::Tensor const& cosine) const {
    return attn_->choose(cosine);
  }
  at::Tensor forward(at::Tensor const& x, TraceScope const& trace = {},
                     EdgeSet const* frozen = nullptr);

 private:
  std::shared_ptr<GraphAttention> attn_;
  torch::nn::LayerNorm norm_{nullptr};
  std::shared_ptr<Ffn> ffn_;
  double drop_path_;
};

}  // namespace gasm
