// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

namespace gasm {

/// How often values fall between limits, as TensorBoard takes it.
struct Histogram {
  double min = 0.0;
  double max = 0.0;
  double num = 0.0;  ///< values that are finite: the sum of `counts`
  double sum = 0.0;
  double sum_squares = 0.0;
  std::vector<double> limits;  ///< right-hand edge of each bucket, ascending
  std::vector<double> counts;
};

/// Counts floats in buckets of half an octave of their magnitude, on both
/// sides of zero: two of an octave's bits, and so no logarithm, and the same
/// buckets for all tensors, steps and ranks. Numbers that are not finite are
/// left out. A value; where ranks hold parts of the values, they add up
/// sums() and take the maximum of extremes().
class HistogramCounts {
 public:
  HistogramCounts();

  void add(std::span<float const> values);

  /// To be added up, and to be maximised, over whoever counted a part.
  std::span<double> sums() { return sums_; }
  std::span<double> extremes() { return extremes_; }

  /// With every value times `scale` > 0. Buckets without values stand as one
  /// where several follow each other, and not at all at the ends.
  Histogram histogram(double scale = 1.0) const;

 private:
  std::vector<double> sums_;      ///< buckets, sum, sum of squares
  std::vector<double> extremes_;  ///< -minimum, maximum
};

}  // namespace gasm
