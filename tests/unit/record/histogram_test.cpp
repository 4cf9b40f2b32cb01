// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "gasm/base/rng.hpp"

namespace gasm {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

std::vector<float> normal_values(std::size_t num, double scale) {
  Rng rng({7});
  std::vector<float> values;
  for (std::size_t i = 0; i < num; ++i)
    values.push_back(static_cast<float>(scale * rng.normal()));
  return values;
}

Histogram histogram_of(std::span<float const> values, double scale = 1.0) {
  HistogramCounts counts;
  counts.add(values);
  return counts.histogram(scale);
}

/// Values up to the limit, less those up to the one before: by comparison.
void expect_counts(Histogram const& found, std::vector<float> const& values,
                   double scale = 1.0) {
  ASSERT_EQ(found.limits.size(), found.counts.size());
  ASSERT_TRUE(std::ranges::is_sorted(found.limits));
  double seen = 0;
  for (std::size_t i = 0; i < found.limits.size(); ++i) {
    seen += found.counts[i];
    auto const wanted = std::ranges::count_if(values, [&](float v) {
      return std::isfinite(v) && v * scale < found.limits[i];
    });
    // A negative power of two is the edge of its bucket, and belongs to it.
    auto const at_edge = std::ranges::count_if(
        values, [&](float v) { return v < 0 && v * scale == found.limits[i]; });
    EXPECT_EQ(seen, static_cast<double>(wanted + at_edge)) << found.limits[i];
  }
}

TEST(Histogram, CountsAreThoseOfComparisons) {
  for (double const scale : {1e-20, 1e-3, 1.0, 1e10}) {
    auto const values = normal_values(5000, scale);
    auto const found = histogram_of(values);
    expect_counts(found, values);
    EXPECT_EQ(found.num, 5000);
    EXPECT_EQ(found.min, *std::ranges::min_element(values));
    EXPECT_EQ(found.max, *std::ranges::max_element(values));
    EXPECT_NEAR(found.sum, std::accumulate(values.begin(), values.end(), 0.0),
                1e-9 * scale);
    double squares = 0;
    for (double const v : values) squares += v * v;
    EXPECT_NEAR(found.sum_squares, squares, 1e-9 * squares);
  }
}

TEST(Histogram, BucketsAreHalfAnOctave) {
  auto const values = normal_values(100000, 1.0);
  auto const found = histogram_of(values);
  for (std::size_t i = 1; i < found.limits.size(); ++i) {
    double const ratio = found.limits[i] / found.limits[i - 1];
    if (found.limits[i - 1] > 1e-3) {
      EXPECT_GT(ratio, 1.3);
      EXPECT_LE(ratio, 1.5);
    }
  }
}

TEST(Histogram, ScaledIsThatOfScaledValues) {
  auto const values = normal_values(1000, 1.0);
  auto const found = histogram_of(values, 0.25);
  expect_counts(found, values, 0.25);
  EXPECT_EQ(found.max, 0.25 * *std::ranges::max_element(values));
}

TEST(Histogram, EdgesAndExtremes) {
  std::vector<float> const values = {0.0f,
                                     -0.0f,
                                     1.0f,
                                     -1.0f,
                                     std::numeric_limits<float>::denorm_min(),
                                     std::numeric_limits<float>::max(),
                                     -std::numeric_limits<float>::max()};
  auto const found = histogram_of(values);
  EXPECT_EQ(found.num, 7);
  for (double const limit : found.limits) EXPECT_TRUE(std::isfinite(limit));
  EXPECT_TRUE(std::ranges::is_sorted(found.limits));
}

TEST(Histogram, WhatIsNotFiniteIsLeftOut) {
  std::vector<float> const values = {1.0f, kInf, -kInf, std::nanf("")};
  auto const found = histogram_of(values);
  EXPECT_EQ(found.num, 1);
  EXPECT_EQ(found.min, 1.0);
  EXPECT_EQ(found.max, 1.0);
  EXPECT_EQ(found.sum, 1.0);
  EXPECT_EQ(histogram_of(std::vector<float>{kInf}).num, 0);
  EXPECT_EQ(histogram_of({}).num, 0);
}

TEST(Histogram, PartsAddUpToTheWhole) {
  auto const values = normal_values(1000, 3.0);
  HistogramCounts parts[3];
  std::span<float const> const all(values);
  parts[0].add(all.subspan(0, 100));
  parts[1].add(all.subspan(100));  // and nothing in the third
  HistogramCounts sum;
  for (auto& part : parts) {
    std::ranges::transform(sum.sums(), part.sums(), sum.sums().begin(),
                           std::plus());
    for (std::size_t i = 0; i < 2; ++i)
      sum.extremes()[i] = std::max(sum.extremes()[i], part.extremes()[i]);
  }
  auto const found = sum.histogram();
  auto const whole = histogram_of(values);
  EXPECT_EQ(found.counts, whole.counts);
  EXPECT_EQ(found.limits, whole.limits);
  EXPECT_EQ(found.min, whole.min);
  EXPECT_EQ(found.max, whole.max);
}

}  // namespace
}  // namespace gasm
