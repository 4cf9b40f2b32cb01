// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "gasm/data/permutation.hpp"

namespace gasm {

/// How far a block shuffle mixes: blocks of neighbours in the file are put in
/// random order, and the samples of `window_blocks` blocks at a time are mixed
/// with each other. What is needed at any time lies in one window.
struct BlockShuffle {
  std::int64_t block = 64;          ///< samples; >= 1
  std::int64_t window_blocks = 16;  ///< >= 1
  bool operator==(BlockShuffle const&) const = default;
};

/// The order in which an epoch visits its samples: a pure function from
/// position to sample index, the same on every rank and thread, in O(1)
/// memory (permutation.hpp).
class EpochOrder {
 public:
  /// Shuffled as a whole, keyed by (seed, epoch). Throws Error if
  /// num_samples < 0.
  EpochOrder(std::uint64_t seed, std::int64_t epoch, std::int64_t num_samples);

  /// Shuffled by blocks. Throws Error for sizes out of range.
  EpochOrder(std::uint64_t seed, std::int64_t epoch, std::int64_t num_samples,
             BlockShuffle shuffle);

  /// Position p holds sample p: what evaluation uses.
  static EpochOrder identity(std::int64_t num_samples);

  /// The sample at `position`, in 0 .. size()-1. Throws Error if out of range.
  std::int64_t sample_at(std::int64_t position) const;

  /// The window of a block shuffle that a position lies in, from 0 and never
  /// falling; 0 for other orders.
  std::int64_t window_of(std::int64_t position) const;

  std::int64_t size() const { return num_samples_; }

 private:
  struct Blocks {
    BlockShuffle shuffle;
    Permutation order;
    std::int64_t short_block;  ///< where the file's last block comes in order
    std::int64_t num_missing;  ///< samples that it has less than the others
    std::uint64_t seed;
    std::int64_t epoch;
  };

  explicit EpochOrder(std::int64_t num_samples);
  std::int64_t window_start(std::int64_t window) const;
  std::int64_t sample_in_blocks(std::int64_t position) const;

  std::int64_t num_samples_ = 0;
  std::optional<Permutation> whole_;
  std::optional<Blocks> blocks_;
};

}  // namespace gasm
