// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/erase.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

constexpr int kNumTries = 100;
constexpr std::size_t kNumQuantiles = 1U << 16U;
constexpr std::array<double, 3> kMean = {0.485, 0.456, 0.406};
constexpr std::array<double, 3> kStd = {0.229, 0.224, 0.225};

using Quantiles = std::array<std::uint8_t, kNumQuantiles>;

// The level of each of 65536 equally likely cases. A million noise levels a
// clip: drawn from a table they cost a few milliseconds, as normal numbers a
// hundred.
Quantiles make_quantiles(double mean, double std) {
  auto const share_up_to = [&](int level) {
    double const z = ((level + 0.5) / 255.0 - mean) / std;
    return 0.5 * std::erfc(-z / std::numbers::sqrt2);
  };
  Quantiles quantiles;
  int level = 0;
  double limit = share_up_to(0);
  for (std::size_t i = 0; i < kNumQuantiles; ++i) {
    double const share = (static_cast<double>(i) + 0.5) / kNumQuantiles;
    while (level < 255 && share > limit) limit = share_up_to(++level);
    quantiles[i] = static_cast<std::uint8_t>(level);
  }
  return quantiles;
}

std::array<Quantiles, 3> const& quantiles() {
  static std::array<Quantiles, 3> const all{make_quantiles(kMean[0], kStd[0]),
                                            make_quantiles(kMean[1], kStd[1]),
                                            make_quantiles(kMean[2], kStd[2])};
  return all;
}

void fill_row(std::uint8_t* row, int num, Quantiles const& levels, Rng& rng) {
  int x = 0;
  while (x < num) {
    auto bits = rng.u64();
    for (int k = 0; k < 4 && x < num; ++k, ++x, bits >>= 16U)
      row[x] = levels[bits & (kNumQuantiles - 1)];
  }
}

int side(double length) { return static_cast<int>(std::lround(length)); }

}  // namespace

std::optional<EraseBox> draw_erase(EraseConfig const& config, FrameSize size,
                                   Rng& rng) {
  if (!rng.chance(config.probability)) return std::nullopt;
  double const area = static_cast<double>(size.width_px) * size.height_px;
  double const log_ratio = std::log(config.ratio_min);
  for (int attempt = 0; attempt < kNumTries; ++attempt) {
    double const wanted = area * rng.uniform(config.area_min, config.area_max);
    double const ratio = std::exp(rng.uniform(log_ratio, -log_ratio));
    int const height = side(std::sqrt(wanted * ratio));
    int const width = side(std::sqrt(wanted / ratio));
    if (width >= size.width_px || height >= size.height_px) continue;
    auto const y = rng.between(0, size.height_px - height);
    auto const x = rng.between(0, size.width_px - width);
    return EraseBox{static_cast<int>(x), static_cast<int>(y), width, height,
                    rng.u64()};
  }
  return std::nullopt;
}

void erase_box(EraseBox const& box, FrameSize size,
               std::span<std::uint8_t> clip) {
  auto const width = static_cast<std::size_t>(size.width_px);
  auto const plane = width * static_cast<std::size_t>(size.height_px);
  GASM_ASSERT(plane > 0 && clip.size() % (3 * plane) == 0);
  GASM_ASSERT(box.x_px >= 0 && box.x_px + box.width_px <= size.width_px &&
              box.y_px >= 0 && box.y_px + box.height_px <= size.height_px);
  Rng rng{box.noise_key};
  for (std::size_t p = 0; p * plane < clip.size(); ++p)
    for (int y = box.y_px; y < box.y_px + box.height_px; ++y)
      fill_row(clip.data() + p * plane + static_cast<std::size_t>(y) * width +
                   static_cast<std::size_t>(box.x_px),
               box.width_px, quantiles()[p % 3], rng);
}

}  // namespace gasm
