// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace gasm {

class Rng;

/// A random order of 0 .. size() - 1 as a function: O(1) memory, any element
/// in a few dozen operations.
///
/// A balanced Feistel network over the smallest even number of bits that
/// holds size(), with cycle walking back into range (Black and Rogaway,
/// CT-RSA 2002, "Ciphers with arbitrary finite domains"). The domain is less
/// than four times the size, so a look-up takes fewer than four rounds on
/// average.
class Permutation {
 public:
  /// Takes its keys from `rng`. Throws Error if size < 0 or above 2^60.
  Permutation(std::int64_t size, Rng rng);

  /// 0 <= position < size() (asserted); and position_of(at(p)) == p.
  std::int64_t at(std::int64_t position) const;
  std::int64_t position_of(std::int64_t element) const;

  std::int64_t size() const { return size_; }

 private:
  static constexpr int kNumRounds = 8;

  std::uint64_t encrypt(std::uint64_t value) const;
  std::uint64_t decrypt(std::uint64_t value) const;

  std::int64_t size_ = 0;
  int half_bits_ = 1;
  std::array<std::uint64_t, kNumRounds> round_keys_{};
};

}  // namespace gasm
