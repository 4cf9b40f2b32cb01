// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/nearest.hpp"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace gasm {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t const change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest(std::string_view word,
                    std::span<std::string const> candidates) {
  // Every letter is compared with every other: not where a file made them up.
  constexpr std::size_t max_letters = 1000;
  std::string best;
  if (word.size() > max_letters) return best;
  std::size_t best_distance = word.size() / 3 + 2;
  for (auto const& candidate : candidates) {
    if (candidate.size() > max_letters) continue;
    auto const distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace gasm
