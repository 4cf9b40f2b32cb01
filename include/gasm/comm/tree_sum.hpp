// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace gasm {

/// Leaves first .. first + count - 1.
struct LeafRange {
  std::int64_t first = 0;
  std::int64_t count = 0;
  bool operator==(LeafRange const&) const = default;
};

/// Rank `rank`'s share of `num_leaves` leaves: contiguous, in rank order,
/// sizes differ by at most one; empty for some if there are fewer leaves.
LeafRange even_leaf_range(std::int64_t num_leaves, int rank, int num_ranks);

/// The subtree that covers leaves index << level .. ((index + 1) << level) - 1.
struct TreeNode {
  int level = 0;
  std::int64_t index = 0;
  bool operator==(TreeNode const&) const = default;
};

/// The fewest subtrees that hold exactly the leaves of `range`, by leaf.
/// A subtree may reach beyond the last leaf.
std::vector<TreeNode> cover_range(std::int64_t num_leaves, LeafRange range);

/// One addition: values of node `left` become left + right (positions in the
/// list that plan_sum was given).
struct TreeStep {
  std::size_t left = 0;
  std::size_t right = 0;
};

/// The additions that make the whole tree's sum, in `nodes[0]`, from nodes
/// that cover all leaves, by leaf.
std::vector<TreeStep> plan_sum(std::int64_t num_leaves,
                               std::span<TreeNode const> nodes);

/// The sum of `num_leaves` vectors of `num_values` floats, added along a
/// fixed binary tree: leaves 2i and 2i+1 first, then those sums in pairs, and
/// so on; a node with one child is that child. The tree depends on the number
/// of leaves alone, so that the sum is bitwise the same however the leaves
/// are spread over ranks. (The leaves are the micro-batches of a global
/// batch, the values its gradients.)
///
/// This class holds one rank's part: it adds the leaves of a contiguous range
/// as far as the tree joins them inside the range. Collective::reduce
/// (collective.hpp) does the rest. It holds at most about 2 log2(num_leaves)
/// vectors, and keeps their memory for the next round. Not collective.
class TreeSum {
 public:
  TreeSum(std::int64_t num_leaves, std::size_t num_values);

  /// Starts a round: this rank adds `range`. Forgets the last one's sums.
  /// Throws Error if the range is not inside 0 .. num_leaves.
  void reset(LeafRange range);
  void reset(std::int64_t first_leaf, std::int64_t leaf_count) {
    reset({first_leaf, leaf_count});
  }
  /// The same for a sum over another number of leaves. Throws Error if that
  /// is below 1, too.
  void reset(std::int64_t num_leaves, LeafRange range);

  /// Adds the next leaf of the range. Throws Error if it is of another size,
  /// or beyond the range.
  void add_leaf(std::span<float const> values);
  /// The same, but if nothing is there to add it to, the values stay where
  /// they are until the round has ended, and may be overwritten: no copy.
  void lend_leaf(std::span<float> values);

  std::int64_t num_leaves() const { return num_leaves_; }
  std::size_t num_values() const { return num_values_; }
  LeafRange range() const { return range_; }
  std::int64_t num_missing() const { return range_.count - num_added_; }
  bool is_complete() const { return num_missing() == 0; }

  /// The subtrees held; cover_range(range()) once complete.
  std::vector<TreeNode> const& nodes() const { return nodes_; }
  /// The sum of nodes()[i]; whoever reduces may overwrite it.
  std::span<float> values(std::size_t i) { return values_[i]; }

 private:
  /// False if the leaf was added to its left sibling, and is done with.
  bool begins_node(std::span<float const> values);
  void hold(std::span<float> values);
  void join_top();

  std::int64_t num_leaves_;
  std::size_t num_values_;
  LeafRange range_;
  std::int64_t num_added_ = 0;
  std::vector<TreeNode> nodes_;
  std::vector<std::span<float>> values_;  ///< of nodes_
  std::vector<std::unique_ptr<float[]>> buffers_;
};

/// left[i] += right[i].
void add_values(std::span<float> left, std::span<float const> right);

}  // namespace gasm
