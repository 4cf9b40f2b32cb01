// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "gasm/comm/tree_sum.hpp"

namespace gasm {

/// All ranks' subtrees of a sum, by leaf, where each rank's begin, and how
/// they are added up.
struct TreeLayout {
  std::vector<TreeNode> nodes;
  std::vector<std::size_t> first_of_rank;  ///< one more than there are ranks
  std::vector<TreeStep> steps;

  std::size_t num_nodes() const { return nodes.size(); }
  std::size_t num_of(int rank) const {
    auto const r = static_cast<std::size_t>(rank);
    return first_of_rank[r + 1] - first_of_rank[r];
  }
};

/// `ranges`: the leaves of each rank, which follow each other.
TreeLayout lay_out_tree(std::int64_t num_leaves,
                        std::span<LeafRange const> ranges);

/// Adds the nodes' values along the tree, which overwrites some of them, and
/// puts the sum into `out`. `node_values[i]`: out.size() values of node i.
void add_along_tree(TreeLayout const& layout,
                    std::span<float* const> node_values, std::span<float> out);

}  // namespace gasm
