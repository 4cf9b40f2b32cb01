// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/tree_sum.hpp"

#include <algorithm>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

int tree_height(std::int64_t num_leaves) {
  int height = 0;
  while ((std::int64_t(1) << height) < num_leaves) ++height;
  return height;
}

/// The joins that a node makes possible when it comes after `left` (if there
/// is one), one at a time.
enum class Join { none, with_left, alone };

Join next_join(std::int64_t num_leaves, TreeNode const* left, TreeNode node) {
  if (node.level == tree_height(num_leaves)) return Join::none;
  if (node.index % 2 == 1) {
    bool const is_sibling = left != nullptr && left->level == node.level &&
                            left->index == node.index - 1;
    return is_sibling ? Join::with_left : Join::none;
  }
  bool const has_right = ((node.index + 1) << node.level) < num_leaves;
  return has_right ? Join::none : Join::alone;
}

void cover(std::int64_t num_leaves, LeafRange range, TreeNode node,
           std::vector<TreeNode>& found) {
  std::int64_t const begin = node.index << node.level;
  std::int64_t const end = std::min(num_leaves, (node.index + 1) << node.level);
  std::int64_t const range_end = range.first + range.count;
  if (begin >= end || end <= range.first || begin >= range_end) return;
  if (begin >= range.first && end <= range_end) {
    found.push_back(node);
    return;
  }
  cover(num_leaves, range, {node.level - 1, 2 * node.index}, found);
  cover(num_leaves, range, {node.level - 1, 2 * node.index + 1}, found);
}

}  // namespace

LeafRange even_leaf_range(std::int64_t num_leaves, int rank, int num_ranks) {
  std::int64_t const first = num_leaves * rank / num_ranks;
  return {first, num_leaves * (rank + 1) / num_ranks - first};
}

std::vector<TreeNode> cover_range(std::int64_t num_leaves, LeafRange range) {
  std::vector<TreeNode> found;
  cover(num_leaves, range, {tree_height(num_leaves), 0}, found);
  return found;
}

std::vector<TreeStep> plan_sum(std::int64_t num_leaves,
                               std::span<TreeNode const> nodes) {
  struct Held {
    TreeNode node;
    std::size_t position;
  };
  std::vector<Held> held;
  std::vector<TreeStep> steps;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    held.push_back({nodes[i], i});
    for (;;) {
      Held& top = held.back();
      Held* const left = held.size() > 1 ? &held[held.size() - 2] : nullptr;
      Join const join =
          next_join(num_leaves, left ? &left->node : nullptr, top.node);
      if (join == Join::none) break;
      TreeNode const parent{top.node.level + 1, top.node.index / 2};
      if (join == Join::alone) {
        top.node = parent;
      } else {
        steps.push_back({left->position, top.position});
        left->node = parent;
        held.pop_back();
      }
    }
  }
  GASM_ASSERT(held.size() == 1 &&
              held[0].node.level == tree_height(num_leaves));
  return steps;
}

void add_values(std::span<float> left, std::span<float const> right) {
  float* __restrict into = left.data();
  float const* __restrict from = right.data();
  std::size_t const count = left.size();
  for (std::size_t i = 0; i < count; ++i) into[i] += from[i];
}

TreeSum::TreeSum(std::int64_t num_leaves, std::size_t num_values)
    : num_leaves_(num_leaves), num_values_(num_values) {
  reset({});
}

void TreeSum::reset(LeafRange range) { reset(num_leaves_, range); }

void TreeSum::reset(std::int64_t num_leaves, LeafRange range) {
  if (num_leaves < 1)
    throw error("a sum over {} leaves (at least 1)", num_leaves);
  if (range.first < 0 || range.count < 0 ||
      range.first + range.count > num_leaves)
    throw error("leaves {} .. {} do not exist (there are {})", range.first,
                range.first + range.count - 1, num_leaves);
  num_leaves_ = num_leaves;
  range_ = range;
  num_added_ = 0;
  nodes_.clear();
  values_.clear();
}

void TreeSum::add_leaf(std::span<float const> values) {
  if (!begins_node(values)) return;
  while (buffers_.size() < nodes_.size())
    buffers_.push_back(std::make_unique_for_overwrite<float[]>(num_values_));
  std::span<float> const buffer{buffers_[nodes_.size() - 1].get(), num_values_};
  std::copy(values.begin(), values.end(), buffer.begin());
  hold(buffer);
}

void TreeSum::lend_leaf(std::span<float> values) {
  if (begins_node(values)) hold(values);
}

bool TreeSum::begins_node(std::span<float const> values) {
  if (values.size() != num_values_)
    throw error("a leaf of {} values (the sum has {})", values.size(),
                num_values_);
  if (is_complete())
    throw error("leaf {} is not this rank's (it adds {} leaves from {} on)",
                range_.first + num_added_, range_.count, range_.first);
  std::int64_t const leaf = range_.first + num_added_;
  ++num_added_;
  // A right leaf is added where its left sibling is: no copy.
  if (leaf % 2 == 1 && !nodes_.empty() &&
      nodes_.back() == TreeNode{0, leaf - 1}) {
    add_values(values_.back(), values);
    nodes_.back() = {1, leaf / 2};
    join_top();
    return false;
  }
  nodes_.push_back({0, leaf});
  return true;
}

void TreeSum::hold(std::span<float> values) {
  values_.push_back(values);
  join_top();
}

void TreeSum::join_top() {
  for (;;) {
    std::size_t const top = nodes_.size() - 1;
    TreeNode const* left = top > 0 ? &nodes_[top - 1] : nullptr;
    Join const join = next_join(num_leaves_, left, nodes_[top]);
    if (join == Join::none) return;
    TreeNode const parent{nodes_[top].level + 1, nodes_[top].index / 2};
    if (join == Join::with_left) {
      add_values(values_[top - 1], values_[top]);
      nodes_.pop_back();
      values_.pop_back();
    }
    nodes_.back() = parent;
  }
}

}  // namespace gasm
