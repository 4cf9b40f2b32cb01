// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/histogram.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace gasm {
namespace {

/// Of a float's 32 bits: the sign, the exponent and one of the fraction.
constexpr unsigned kShift = 22;
constexpr std::size_t kNumMagnitudes = 512;
/// From here on: infinite, or no number.
constexpr std::size_t kFirstNotFinite = 510;
constexpr std::size_t kNumKeys = 2 * kNumMagnitudes;

/// Where a magnitude's bucket begins.
double floor_of(std::size_t magnitude) {
  if (magnitude >= kFirstNotFinite) return std::numeric_limits<double>::max();
  return static_cast<double>(
      std::bit_cast<float>(static_cast<std::uint32_t>(magnitude) << kShift));
}

bool is_finite_key(std::size_t key) {
  return key % kNumMagnitudes < kFirstNotFinite;
}

}  // namespace

HistogramCounts::HistogramCounts()
    : sums_(kNumKeys + 2),
      extremes_(2, -std::numeric_limits<double>::infinity()) {}

void HistogramCounts::add(std::span<float const> values) {
  std::array<std::uint64_t, kNumKeys> counts{};
  double sum = 0.0;
  double sum_squares = 0.0;
  float low = std::numeric_limits<float>::infinity();
  float high = -low;
  for (float const value : values) {
    auto const key = std::bit_cast<std::uint32_t>(value) >> kShift;
    ++counts[key];
    if (!is_finite_key(key)) continue;
    double const wide = value;
    sum += wide;
    sum_squares += wide * wide;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  for (std::size_t key = 0; key < kNumKeys; ++key)
    if (is_finite_key(key)) sums_[key] += static_cast<double>(counts[key]);
  sums_[kNumKeys] += sum;
  sums_[kNumKeys + 1] += sum_squares;
  extremes_[0] = std::max(extremes_[0], -static_cast<double>(low));
  extremes_[1] = std::max(extremes_[1], static_cast<double>(high));
}

Histogram HistogramCounts::histogram(double scale) const {
  Histogram found;
  auto const add = [&](double limit, double count) {
    bool const is_first = found.counts.empty();
    if (count == 0 && (is_first || found.counts.back() == 0)) {
      if (!is_first) found.limits.back() = limit * scale;
      return;
    }
    found.limits.push_back(limit * scale);
    found.counts.push_back(count);
    found.num += count;
  };
  // Negative ones first, the largest magnitude leading.
  for (auto magnitude = kFirstNotFinite; magnitude-- > 0;)
    add(-floor_of(magnitude), sums_[kNumMagnitudes + magnitude]);
  for (std::size_t magnitude = 0; magnitude < kFirstNotFinite; ++magnitude)
    add(floor_of(magnitude + 1), sums_[magnitude]);
  if (!found.counts.empty() && found.counts.back() == 0) {
    found.counts.pop_back();
    found.limits.pop_back();
  }
  if (found.num == 0) return found;
  found.min = -extremes_[0] * scale;
  found.max = extremes_[1] * scale;
  found.sum = sums_[kNumKeys] * scale;
  found.sum_squares = sums_[kNumKeys + 1] * scale * scale;
  return found;
}

}  // namespace gasm
