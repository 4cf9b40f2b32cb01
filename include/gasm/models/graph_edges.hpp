// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace gasm {

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

/// Cosine [G, N, N] between the rows of each graph of x [G, N, D]; a row of
/// less than 1e-6 counts as one of 1e-6.
at::Tensor cosine_similarity(at::Tensor const& x);

/// Edge kind i8 [G, N, N] from similarity [G, N, N]: 0 self, 1 structural,
/// 2 one of the `topk` most similar of the rest (fewer if fewer remain; of
/// equals the lower index), -1 none. No gradient.
at::Tensor choose_edges(at::Tensor const& similarity,
                        at::Tensor const& neighbour, std::int64_t topk);

/// The same by tensor operations, for every device; choose_edges takes it away
/// from the CPU.
at::Tensor choose_edges_by_sorting(at::Tensor const& similarity,
                                   at::Tensor const& neighbour,
                                   std::int64_t topk);

/// The nodes that each node reads, i64 [G, N, K], from edge kinds: edges by
/// index, then nodes without an edge. K must be at least the number of edges
/// of any node.
at::Tensor edge_lists(at::Tensor const& kind, std::int64_t k);

}  // namespace gasm
