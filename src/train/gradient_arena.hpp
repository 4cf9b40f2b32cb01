// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "gasm/comm/tree_exchange.hpp"
#include "gasm/comm/tree_sum.hpp"
#include "gradient_layout.hpp"

namespace gasm {

/// The memory of a step's gradients, and their sum over micro-batches and
/// ranks. A micro-batch fills leaf(), piece by piece; a piece (a bucket, or
/// the tail) is added to the sum of its own, and exchanged with the other
/// ranks as soon as this rank's last micro-batch has added it.
class GradientArena {
 public:
  /// `comm` must outlive it, and carry no other messages. `whom`: who needs
  /// the sums of buckets; the tail's all ranks get, and it travels in fp32.
  /// Not collective.
  GradientArena(Communicator const& comm, GradientLayout layout, SumFor whom,
                TransitType transit);

  GradientLayout const& layout() const { return layout_; }
  at::Tensor const& leaf() const { return leaf_; }    ///< [num_values]
  at::Tensor const& total() const { return total_; }  ///< the same, summed
  /// The gradient of parameter i, which has the shape of `like`.
  at::Tensor leaf_of(std::size_t i, at::Tensor const& like) const;
  at::Tensor total_of(std::size_t i, at::Tensor const& like) const;

  /// Begins a step of `num_leaves` micro-batches on all ranks, of which this
  /// rank adds its even_leaf_range. Collective, as are those below, in the
  /// sense of TreeExchange: none but wait() waits.
  void begin_step(std::int64_t num_leaves);
  /// This micro-batch's values of exchange i (bucket, or tail) are complete.
  void add(std::size_t i);
  /// Moves what is under way.
  void advance();
  /// This rank cannot add its part: whatever the leaf holds takes its place,
  /// so that no rank waits for it. The sums are worthless: agree on that.
  void give_up();
  /// Until total() holds the sums of all exchanges.
  void wait();

  /// The ranges of total() in which this rank has the sums of gradients when
  /// buckets are summed for their owners, by bucket.
  std::vector<ValueRange> owned() const;
  /// Each rank's owned() values of `flat`, as long as the gradients, to all.
  /// The last bucket goes first. Does not wait.
  void post_share(at::Tensor const& flat);
  /// Until all ranks' values of a bucket are there, or of all buckets.
  void finish_share(std::size_t bucket);
  void finish_share();

  /// The first of this rank's micro-batches in this step (0: the step's first)
  /// whose values are not all finite, in buckets or the tail. Not collective.
  std::optional<std::int64_t> first_not_finite() const;
  /// From here on that is what `other` would say of its step.
  void take_notes_of(GradientArena& other) {
    additions_ = std::move(other.additions_);
  }

  /// By exchange, of the step that wait() ended.
  std::vector<ExchangeTime> times() const;

 private:
  std::span<float> piece(at::Tensor const& flat, std::size_t i) const;
  void post(std::size_t i);
  void note(std::size_t i);

  /// The sum of what a micro-batch added to an exchange, not looked at yet.
  struct Addition {
    std::int64_t micro_batch;
    at::Tensor sum;
  };

  Communicator const* comm_;
  GradientLayout layout_;
  SumFor whom_;
  at::Tensor leaf_;
  at::Tensor total_;
  std::vector<TreeSum> sums_;
  std::vector<TreeExchange> exchanges_;
  std::vector<TreeExchange> shares_;  ///< by bucket
  std::vector<Addition> additions_;   ///< of this step
};

}  // namespace gasm
