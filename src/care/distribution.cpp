// SPDX-License-Identifier: Apache-2.0
#include "gasm/care/distribution.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace gasm {
namespace {

double percentile(std::vector<double> const& sorted, double share) {
  double const place = share * static_cast<double>(sorted.size() - 1);
  auto const below = static_cast<std::size_t>(place);
  auto const above = std::min(below + 1, sorted.size() - 1);
  double const fraction = place - static_cast<double>(below);
  return sorted[below] + fraction * (sorted[above] - sorted[below]);
}

Histogram histogram_of(std::vector<double> const& sorted, double min_width,
                       int max_bins) {
  Histogram histogram;
  double const span = sorted.back() - sorted.front();
  histogram.width = nice_width(std::max(min_width, span / max_bins));
  auto const bin_of = [&](double value) {
    return static_cast<std::int64_t>(std::floor(value / histogram.width));
  };
  auto const first = bin_of(sorted.front());
  histogram.first = static_cast<double>(first) * histogram.width;
  histogram.counts.resize(
      static_cast<std::size_t>(bin_of(sorted.back()) - first + 1));
  for (double const value : sorted)
    ++histogram.counts[static_cast<std::size_t>(bin_of(value) - first)];
  return histogram;
}

}  // namespace

double nice_width(double width) {
  double const power = std::pow(10.0, std::floor(std::log10(width)));
  // Rounding must not push 5.000...1 to 10.
  double const tolerance = 1 + 1e-9;
  for (double const factor : {1.0, 2.0, 5.0})
    if (width <= factor * power * tolerance) return factor * power;
  return 10 * power;
}

Distribution distribution_of(std::vector<double> values, double min_width,
                             int max_bins) {
  Distribution found;
  if (values.empty()) return found;
  std::ranges::sort(values);
  found.count = std::ssize(values);
  auto const n = static_cast<double>(values.size());
  found.mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (double const value : values)
    squares += (value - found.mean) * (value - found.mean);
  found.std = values.size() > 1 ? std::sqrt(squares / (n - 1)) : 0.0;
  found.min = values.front();
  found.p05 = percentile(values, 0.05);
  found.median = percentile(values, 0.5);
  found.p95 = percentile(values, 0.95);
  found.max = values.back();
  found.histogram = histogram_of(values, min_width, max_bins);
  return found;
}

}  // namespace gasm
