// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace gasm {

/// The order in which an epoch visits its samples: a pure function from
/// position to sample index, the same on every rank and thread, in O(1)
/// memory.
///
/// A shuffled order is a balanced Feistel network over the smallest even
/// number of bits that holds num_samples, keyed by (seed, epoch), with cycle
/// walking back into range (Black and Rogaway, CT-RSA 2002, "Ciphers with
/// arbitrary finite domains"). The domain is less than four times the number
/// of samples, so a look-up takes fewer than four rounds on average.
class EpochOrder {
 public:
  /// Shuffled. Throws Error if num_samples < 0.
  EpochOrder(std::uint64_t seed, std::int64_t epoch, std::int64_t num_samples);

  /// Position p holds sample p: what evaluation uses.
  static EpochOrder identity(std::int64_t num_samples);

  /// The sample at `position`, in 0 .. size()-1. Throws Error if out of range.
  std::int64_t sample_at(std::int64_t position) const;

  std::int64_t size() const { return num_samples_; }

 private:
  static constexpr int kNumRounds = 8;

  explicit EpochOrder(std::int64_t num_samples) : num_samples_(num_samples) {}
  std::uint64_t encrypt(std::uint64_t value) const;

  std::int64_t num_samples_ = 0;
  int half_bits_ = 0;  ///< 0: identity
  std::array<std::uint64_t, kNumRounds> round_keys_{};
};

}  // namespace gasm
