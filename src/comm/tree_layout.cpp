// SPDX-License-Identifier: Apache-2.0
#include "tree_layout.hpp"

#include <algorithm>

namespace gasm {

TreeLayout lay_out_tree(std::int64_t num_leaves,
                        std::span<LeafRange const> ranges) {
  TreeLayout layout;
  for (LeafRange const& range : ranges) {
    layout.first_of_rank.push_back(layout.nodes.size());
    auto const nodes = cover_range(num_leaves, range);
    layout.nodes.insert(layout.nodes.end(), nodes.begin(), nodes.end());
  }
  layout.first_of_rank.push_back(layout.nodes.size());
  layout.steps = plan_sum(num_leaves, layout.nodes);
  return layout;
}

void add_along_tree(TreeLayout const& layout,
                    std::span<float* const> node_values, std::span<float> out) {
  // Values added at once: a block of all nodes stays in the cache.
  constexpr std::size_t block_values = std::size_t(1) << 12;
  for (std::size_t begin = 0; begin < out.size(); begin += block_values) {
    std::size_t const count = std::min(block_values, out.size() - begin);
    for (auto const& step : layout.steps)
      add_values({node_values[step.left] + begin, count},
                 {node_values[step.right] + begin, count});
    std::copy_n(node_values[0] + begin, count, out.data() + begin);
  }
}

}  // namespace gasm
