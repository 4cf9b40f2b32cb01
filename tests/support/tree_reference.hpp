// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "gasm/base/rng.hpp"

namespace gasm {

/// Values of very different sizes, so that sums show the order of additions.
inline std::vector<float> make_leaf(std::int64_t seed, std::int64_t leaf,
                                    std::size_t num_values) {
  Rng rng({static_cast<std::uint64_t>(seed), static_cast<std::uint64_t>(leaf)});
  std::vector<float> values(num_values);
  for (float& value : values)
    value = static_cast<float>(rng.normal() *
                               static_cast<double>(1 << rng.below(20)));
  return values;
}

/// The definition of the fixed tree, by plain recursion over [begin, end)
/// with end - begin a power of two: absent leaves are skipped.
inline std::vector<float> reference_subtree(std::int64_t num_leaves,
                                            std::int64_t begin,
                                            std::int64_t end, std::int64_t seed,
                                            std::size_t num_values) {
  if (end - begin == 1) return make_leaf(seed, begin, num_values);
  std::int64_t const middle = begin + (end - begin) / 2;
  auto left = reference_subtree(num_leaves, begin, middle, seed, num_values);
  if (middle >= num_leaves) return left;
  auto const right =
      reference_subtree(num_leaves, middle, end, seed, num_values);
  for (std::size_t i = 0; i < num_values; ++i) left[i] = left[i] + right[i];
  return left;
}

inline std::vector<float> reference_sum(std::int64_t num_leaves,
                                        std::int64_t seed,
                                        std::size_t num_values) {
  std::int64_t width = 1;
  while (width < num_leaves) width *= 2;
  return reference_subtree(num_leaves, 0, width, seed, num_values);
}

inline bool same_bits(std::span<float const> a, std::span<float const> b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

}  // namespace gasm
