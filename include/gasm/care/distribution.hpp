// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace gasm {

/// Equal bins from `first` on; bin i counts values from first + i * width up
/// to, not including, first + (i + 1) * width.
struct Histogram {
  double first = 0.0;
  double width = 1.0;
  std::vector<std::int64_t> counts;
};

struct Distribution {
  std::int64_t count = 0;
  double mean = 0.0;
  double std = 0.0;  ///< of the sample: divided by count - 1; 0 for one value
  double min = 0.0;
  /// Percentiles by linear interpolation between order statistics, as numpy
  /// does by default.
  double p05 = 0.0;
  double median = 0.0;
  double p95 = 0.0;
  double max = 0.0;
  Histogram histogram;
};

/// The smallest 1, 2 or 5 times a power of ten that is at least `width`.
double nice_width(double width);

/// Sums up finite values; all 0 for none. The histogram has at most
/// `max_bins` + 1 bins whose width is nice and at least `min_width`, and whose
/// borders are multiples of it.
Distribution distribution_of(std::vector<double> values, double min_width,
                             int max_bins = 32);

}  // namespace gasm
