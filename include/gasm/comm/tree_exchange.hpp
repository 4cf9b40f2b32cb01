// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "gasm/comm/communicator.hpp"
#include "gasm/comm/tree_sum.hpp"

namespace gasm {

/// Values begin .. begin + size - 1 of a vector.
struct ValueRange {
  std::size_t begin = 0;
  std::size_t size = 0;
  bool operator==(ValueRange const&) const = default;
};

/// Ranks own whole blocks of so many values.
inline constexpr std::size_t kOwnedBlock = 128;

/// What of `num_values` values rank `rank` adds up: contiguous, in rank order,
/// even in blocks; empty for some if there are fewer blocks than ranks.
ValueRange owned_values(std::size_t num_values, int rank, int num_ranks);

/// Who needs the sum of an exchange.
enum class SumFor {
  all,   ///< every rank gets all of it (all-reduce)
  owner  ///< each rank gets what it owns, and leaves the rest as it is
         ///< (reduce-scatter)
};

/// The number format in which values travel between ranks.
enum class TransitType {
  fp32,
  /// Half the bytes. Each subtree's value and each sum is rounded once to 8
  /// significant bits, on all ranks alike, and additions are in fp32: a sum s
  /// of subtrees x_i is off by at most u |s| + u (1 + u) sum |x_i|, u = 2^-8,
  /// beside the rounding of fp32, and so by no more than 2^-7 (1 + 2^-9) of
  /// sum |x_i|. As subtrees depend on the number of ranks,
  /// so do the bits.
  bf16
};

/// What the flight recorder calls an exchange.
struct ExchangeName {
  char const* kind = "tree_exchange";  ///< a literal
  int bucket = -1;
};

/// When an exchange was under way, by monotonic_s(). It may have ended before
/// it was seen to.
struct ExchangeTime {
  double posted_s = 0.0;
  double done_s = 0.0;
};

/// Sums a TreeSum over all ranks while this rank does other work: the same
/// bits as Collective::reduce, in steps. post() begins, advance() does what
/// can be done without waiting, and in between MPI may or may not move data.
///
/// Each rank sends its subtrees' values to the values' owners, who add them
/// along the tree and, for SumFor::all, send the result to the others.
///
/// Collective in this sense: each rank of the group posts the same rounds of
/// the same channel in the same order, and advances until they are done. Two
/// exchanges of different channels may be posted in different orders on
/// different ranks. One thread.
class TreeExchange {
 public:
  /// Exchanges of one communicator need different channels, 0 .. 16,000.
  /// `comm` must outlive it, and carry no other messages. `transit`: the same
  /// on all ranks; one rank sends nothing, and rounds nothing.
  TreeExchange(Communicator const& comm, int channel,
               TransitType transit = TransitType::fp32, ExchangeName name = {});
  ~TreeExchange();
  TreeExchange(TreeExchange&&) noexcept;
  TreeExchange& operator=(TreeExchange&&) noexcept;

  /// Begins a round. `sum` is complete, its range is even_leaf_range(its
  /// leaves, rank, size); it and `out` (as many values) are left alone until
  /// is_done(). Throws Error if they are not so, or if the last round is not
  /// done. Does not wait.
  void post(TreeSum& sum, std::span<float> out, SumFor whom);
  /// Begins a round that adds nothing: each rank's owned part of `values`
  /// goes to all ranks (all-gather), in fp32. Does not wait.
  void post_share(std::span<float> values);
  /// Does not wait. Returns is_done().
  bool advance();
  /// True before the first round, too.
  bool is_done() const;
  /// Of the last round.
  ExchangeTime time() const;
  ExchangeName name() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Advances all of them until they are done, asleep in between.
void wait_for(std::span<TreeExchange> exchanges);
/// The same until that one is done, whatever the others are. Not counted as a
/// collective by the watchdog: ranks may wait more or less often.
void wait_for(std::span<TreeExchange> exchanges, std::size_t which);

}  // namespace gasm
