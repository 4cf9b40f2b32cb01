// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/mix.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

// Keeps these draws apart from others keyed by a seed and two numbers.
constexpr std::uint64_t kMixStream = 0x6d6978;  // "mix"
constexpr std::uint32_t kOne = 1U << 16U;

// log of a Gamma(alpha, 1) variable (Marsaglia and Tsang, 2000). The logarithm,
// because small alphas give numbers that no double holds.
double draw_log_gamma(double alpha, Rng& rng) {
  if (alpha < 1.0) {
    double const larger = draw_log_gamma(alpha + 1.0, rng);
    return larger + std::log1p(-rng.uniform()) / alpha;
  }
  double const d = alpha - 1.0 / 3.0;
  double const c = 1.0 / std::sqrt(9.0 * d);
  while (true) {
    double const z = rng.normal();
    double const v = std::pow(1.0 + c * z, 3);
    if (v <= 0.0) continue;
    double const u = 1.0 - rng.uniform();
    if (std::log(u) < 0.5 * z * z + d - d * v + d * std::log(v))
      return std::log(d * v);
  }
}

// timm's rand_bbox: the box may hang over the edge, and is then cut off.
void draw_box(MixDraw& draw, FrameSize size, Rng& rng) {
  double const ratio = std::sqrt(1.0 - draw.own_share);
  auto const along = [&](int length, int& begin, int& end) {
    int const half = static_cast<int>(length * ratio) / 2;
    auto const centre = static_cast<int>(rng.below(length));
    begin = std::clamp(centre - half, 0, length);
    end = std::clamp(centre + half, 0, length);
  };
  along(size.height_px, draw.y_begin_px, draw.y_end_px);
  along(size.width_px, draw.x_begin_px, draw.x_end_px);
  double const inside = static_cast<double>(draw.x_end_px - draw.x_begin_px) *
                        static_cast<double>(draw.y_end_px - draw.y_begin_px);
  draw.own_share =
      1.0 - inside / (static_cast<double>(size.width_px) * size.height_px);
}

void mix_pair(std::uint32_t share, std::span<std::uint8_t> a,
              std::span<std::uint8_t> b) {
  std::uint32_t const rest = kOne - share;
  auto* const first = a.data();
  auto* const second = b.data();
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::uint32_t const x = first[i];
    std::uint32_t const y = second[i];
    first[i] =
        static_cast<std::uint8_t>((share * x + rest * y + kOne / 2) >> 16U);
    second[i] =
        static_cast<std::uint8_t>((share * y + rest * x + kOne / 2) >> 16U);
  }
}

void swap_box(MixDraw const& draw, FrameSize size, std::span<std::uint8_t> a,
              std::span<std::uint8_t> b) {
  auto const width = static_cast<std::size_t>(size.width_px);
  auto const height = static_cast<std::size_t>(size.height_px);
  auto const begin = static_cast<std::size_t>(draw.x_begin_px);
  auto const num = static_cast<std::ptrdiff_t>(draw.x_end_px - draw.x_begin_px);
  for (std::size_t plane = 0; plane < a.size(); plane += width * height)
    for (auto y = static_cast<std::size_t>(draw.y_begin_px);
         y < static_cast<std::size_t>(draw.y_end_px); ++y) {
      auto const at = static_cast<std::ptrdiff_t>(plane + y * width + begin);
      std::swap_ranges(a.begin() + at, a.begin() + at + num, b.begin() + at);
    }
}

}  // namespace

double draw_beta(double alpha, Rng& rng) {
  double const x = draw_log_gamma(alpha, rng);
  double const y = draw_log_gamma(alpha, rng);
  return 1.0 / (1.0 + std::exp(y - x));
}

MixDraw draw_mix(MixConfig const& config, FrameSize size, std::uint64_t seed,
                 std::int64_t step, std::int64_t micro_batch) {
  MixDraw draw;
  if (!config.is_on()) return draw;
  Rng rng{seed, kMixStream, static_cast<std::uint64_t>(step),
          static_cast<std::uint64_t>(micro_batch)};
  if (!rng.chance(config.probability)) return draw;
  bool const is_switched = rng.chance(config.switch_probability);
  draw.is_cutmix =
      config.cutmix_alpha > 0.0 && (config.mixup_alpha == 0.0 || is_switched);
  double const share =
      draw_beta(draw.is_cutmix ? config.cutmix_alpha : config.mixup_alpha, rng);
  draw.own_share = std::round(share * kOne) / kOne;
  if (draw.is_cutmix) draw_box(draw, size, rng);
  return draw;
}

void mix_clips(MixDraw const& draw, FrameSize size, std::int64_t num_clips,
               std::span<std::uint8_t> clips) {
  auto const plane = static_cast<std::size_t>(size.width_px) *
                     static_cast<std::size_t>(size.height_px);
  auto const num = static_cast<std::size_t>(num_clips);
  GASM_ASSERT(num > 0 && plane > 0 && clips.size() % (num * 3 * plane) == 0);
  if (draw.own_share == 1.0) return;
  auto const clip_bytes = clips.size() / num;
  auto const share = static_cast<std::uint32_t>(
      std::lround(draw.own_share * static_cast<double>(kOne)));
  for (std::size_t i = 0; i < num / 2; ++i) {
    auto const a = clips.subspan(i * clip_bytes, clip_bytes);
    auto const b = clips.subspan((num - 1 - i) * clip_bytes, clip_bytes);
    if (draw.is_cutmix)
      swap_box(draw, size, a, b);
    else
      mix_pair(share, a, b);
  }
}

}  // namespace gasm
