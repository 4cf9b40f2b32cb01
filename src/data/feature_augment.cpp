// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/feature_augment.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

// Keeps these draws apart from others keyed by a seed and two numbers.
constexpr std::uint64_t kViewStream = 0x76696577;  // "view"

void check_shape(std::span<float const> features, FeatureShape shape) {
  GASM_ASSERT(static_cast<std::int64_t>(features.size()) == shape.num_values());
}

double standard_deviation(std::span<float const> values) {
  double sum = 0.0;
  double sum_of_squares = 0.0;
  for (float const value : values) sum += static_cast<double>(value);
  double const mean = sum / static_cast<double>(values.size());
  for (float const value : values)
    sum_of_squares += std::pow(static_cast<double>(value) - mean, 2);
  return std::sqrt(sum_of_squares / static_cast<double>(values.size()));
}

}  // namespace

std::int64_t choose_view(std::uint64_t seed, std::int64_t epoch,
                         std::int64_t sample, std::int64_t num_views) {
  if (num_views < 1)
    throw error("cannot choose one of {} views (there must be at least 1)",
                num_views);
  GASM_ASSERT(epoch >= 0 && sample >= 0);
  Rng rng{seed, kViewStream, static_cast<std::uint64_t>(epoch / num_views),
          static_cast<std::uint64_t>(sample)};
  std::vector<std::int64_t> order(static_cast<std::size_t>(num_views));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  rng.shuffle(std::span<std::int64_t>(order));
  return order[static_cast<std::size_t>(epoch % num_views)];
}

void drop_tokens(std::span<float> features, FeatureShape shape,
                 double probability, Rng& rng) {
  check_shape(features, shape);
  GASM_ASSERT(0.0 <= probability && probability < 1.0);
  auto const num = static_cast<std::size_t>(shape.num_channels);
  for (std::size_t at = 0; at < features.size(); at += num)
    if (rng.chance(probability))
      std::fill_n(features.begin() + static_cast<std::ptrdiff_t>(at), num,
                  0.0F);
}

void add_feature_noise(std::span<float> features, double strength, Rng& rng) {
  GASM_ASSERT(strength >= 0.0);
  if (strength == 0.0 || features.empty()) return;
  double const sigma = strength * standard_deviation(features);
  for (float& value : features)
    value += static_cast<float>(sigma * rng.normal());
}

void jitter_steps(std::span<float> features, FeatureShape shape,
                  std::int64_t most, Rng& rng) {
  check_shape(features, shape);
  GASM_ASSERT(most >= 0);
  if (most == 0 || shape.num_steps < 2) return;
  std::vector<std::int64_t> sources;
  for (std::int64_t step = 0; step < shape.num_steps; ++step)
    sources.push_back(std::clamp<std::int64_t>(step + rng.between(-most, most),
                                               0, shape.num_steps - 1));
  std::sort(sources.begin(), sources.end());
  std::vector<float> const before(features.begin(), features.end());
  auto const num = shape.num_tokens * shape.num_channels;
  for (std::int64_t step = 0; step < shape.num_steps; ++step)
    std::copy_n(before.begin() + sources[static_cast<std::size_t>(step)] * num,
                num, features.begin() + step * num);
}

void mix_features(std::span<float> features, std::int64_t num_samples,
                  double own_share) {
  auto const num = static_cast<std::size_t>(num_samples);
  GASM_ASSERT(num > 0 && features.size() % num == 0);
  GASM_ASSERT(0.0 <= own_share && own_share <= 1.0);
  auto const size = features.size() / num;
  auto const own = static_cast<float>(own_share);
  auto const rest = static_cast<float>(1.0 - own_share);
  for (std::size_t i = 0; i < num / 2; ++i) {
    auto const a = features.subspan(i * size, size);
    auto const b = features.subspan((num - 1 - i) * size, size);
    for (std::size_t k = 0; k < size; ++k) {
      float const x = a[k];
      float const y = b[k];
      a[k] = own * x + rest * y;
      b[k] = own * y + rest * x;
    }
  }
}

}  // namespace gasm
