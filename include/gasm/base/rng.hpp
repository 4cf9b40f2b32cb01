// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <utility>

namespace gasm {

/// One 64-bit key from several: every draw of the project is a pure function
/// of what it is for (seed, epoch, sample, ...), never of rank or thread.
std::uint64_t mix_key(std::initializer_list<std::uint64_t> parts);

/// A stream of random numbers that is a pure function of its key.
///
/// Philox4x32-10 (Salmon et al., SC'11, "Parallel random numbers: as easy as
/// 1, 2, 3") with the key as key and a counter from 0. All conversions are
/// our own, so that the same key gives the same numbers on every platform.
class Rng {
 public:
  explicit Rng(std::uint64_t key) : key_(key) {}
  explicit Rng(std::initializer_list<std::uint64_t> parts)
      : key_(mix_key(parts)) {}

  std::uint32_t u32();
  std::uint64_t u64();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  double uniform(double low, double high) {
    return low + (high - low) * uniform();
  }
  /// Uniform in 0 .. bound-1 without bias. bound > 0.
  std::int64_t below(std::int64_t bound);
  /// Uniform in low .. high, both included.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + below(high - low + 1);
  }
  bool chance(double probability) { return uniform() < probability; }
  /// Standard normal (Box-Muller).
  double normal();

  /// Fisher-Yates.
  template <class T>
  void shuffle(std::span<T> items) {
    for (auto i = static_cast<std::int64_t>(items.size()) - 1; i > 0; --i)
      std::swap(items[static_cast<std::size_t>(i)],
                items[static_cast<std::size_t>(below(i + 1))]);
  }

 private:
  std::uint64_t key_;
  std::uint64_t block_ = 0;
  std::array<std::uint32_t, 4> words_{};
  int used_ = 4;
  bool has_spare_normal_ = false;
  double spare_normal_ = 0.0;
};

}  // namespace gasm
