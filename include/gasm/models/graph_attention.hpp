// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "gasm/models/layers.hpp"
#include "gasm/models/trace.hpp"

namespace gasm {

struct FusionSpec;

/// The fixed part of a graph over the points of a grid.
struct StructuralEdges {
  /// bool [N, N]: Chebyshev distance 1 (so a node is not its own neighbour).
  at::Tensor neighbour;
  /// i64 [N, N]: row of the offset table for node i (row) reading node j.
  at::Tensor offset;
  std::int64_t num_offsets = 0;  ///< product of 2 n - 1 over the axes
};

/// grid: (h, w) patches, row-major, or (M) segments.
StructuralEdges structural_edges(std::vector<std::int64_t> const& grid);

/// Edge kind [G, N, N] i64 from cosine similarity [G, N, N]: 0 self,
/// 1 structural, 2 one of the `topk` most similar of the rest (fewer if
/// fewer remain; of equals the lower index), -1 none. No gradient.
at::Tensor choose_edges(at::Tensor const& cosine, at::Tensor const& neighbour,
                        std::int64_t topk);

/// Attention along the edges of a learned graph: x [G, N, D] -> [G, N, D].
///
///   logit_ij = q_i . k_j / sqrt(d) + type_bias[kind_ij] + rel_bias[offset_ij]
///              + sim_gain * cosine_ij,   minus infinity without an edge,
///
/// on y = LayerNorm(x), cosine between rows of `sim`(y). The choice of edges
/// carries no gradient; sim_gain * cosine is what learns the graph. Dense and
/// masked: the projections dominate its cost at the sizes in use.
class GraphAttention : public torch::nn::Module {
 public:
  GraphAttention(std::int64_t dim, std::int64_t heads,
                 std::vector<std::int64_t> const& grid, std::int64_t topk,
                 std::int64_t sim_dim);
  at::Tensor forward(at::Tensor const& x, TraceScope const& trace = {});

 private:
  at::Tensor add_biases(at::Tensor const& dot, at::Tensor const& kind,
                        at::Tensor const& cosine) const;

  std::int64_t heads_, topk_;
  at::Tensor neighbour_;
  at::Tensor offset_;
  torch::nn::LayerNorm norm_{nullptr};
  torch::nn::Linear q_{nullptr}, k_{nullptr}, v_{nullptr}, o_{nullptr};
  torch::nn::Linear sim_{nullptr};
  at::Tensor type_bias_, rel_bias_, sim_gain_;
};

/// x += GraphAttention(x); x += FFN(LayerNorm x), each behind drop-path.
class GraphBlock : public torch::nn::Module {
 public:
  GraphBlock(std::int64_t dim, FusionSpec const& spec,
             std::vector<std::int64_t> const& grid, std::int64_t topk);
  at::Tensor forward(at::Tensor const& x, TraceScope const& trace = {});

 private:
  std::shared_ptr<GraphAttention> attn_;
  torch::nn::LayerNorm norm_{nullptr};
  std::shared_ptr<Ffn> ffn_;
  double drop_path_;
};

}  // namespace gasm
