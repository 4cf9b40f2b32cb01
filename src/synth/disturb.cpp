// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>

#include "gasm/base/error.hpp"
#include "gasm/base/rng.hpp"
#include "gasm/synth/render.hpp"

namespace gasm {
namespace {

struct Dot {
  double x = 0;
  double y = 0;
  double dx = 0;  ///< px per frame
  double dy = 0;
  double radius = 0;
  std::array<std::uint8_t, 3> rgb{};
};

Dot draw_dot(Rng& rng, LevelSpec const& spec) {
  Dot dot;
  dot.x = rng.uniform(0, spec.width_px);
  dot.y = rng.uniform(0, spec.height_px);
  dot.dx = spec.texture_scale * rng.uniform(-2, 2);
  dot.dy = spec.texture_scale * rng.uniform(-2, 2);
  dot.radius = spec.texture_scale * rng.uniform(1.5, 3);
  for (auto& channel : dot.rgb)
    channel = static_cast<std::uint8_t>(rng.below(256));
  return dot;
}

double wrapped(double value, double period) {
  return value - period * std::floor(value / period);
}

void paint_dot(std::span<std::uint8_t> frame, LevelSpec const& spec,
               Dot const& dot, int t) {
  double const cx = wrapped(dot.x + t * dot.dx, spec.width_px);
  double const cy = wrapped(dot.y + t * dot.dy, spec.height_px);
  int const top = std::max(0, static_cast<int>(cy - dot.radius));
  int const bottom =
      std::min(spec.height_px - 1, static_cast<int>(cy + dot.radius));
  int const left = std::max(0, static_cast<int>(cx - dot.radius));
  int const right =
      std::min(spec.width_px - 1, static_cast<int>(cx + dot.radius));
  for (int y = top; y <= bottom; ++y)
    for (int x = left; x <= right; ++x)
      if (std::hypot(x + 0.5 - cx, y + 0.5 - cy) < dot.radius)
        std::copy(dot.rgb.begin(), dot.rgb.end(),
                  frame.begin() + 3 * (y * spec.width_px + x));
}

void shift_right(std::span<std::uint8_t> row, int shift) {
  auto const pixels = static_cast<int>(row.size()) / 3;
  for (int x = pixels - 1; x >= 0; --x) {
    int const from = std::max(0, x - shift);
    std::copy_n(row.begin() + 3 * from, 3, row.begin() + 3 * x);
  }
}

}  // namespace

void disturb_clip(std::span<std::uint8_t> clip, LevelSpec const& spec,
                  int num_distractors, int pan_px, std::uint64_t key) {
  auto const row_bytes = static_cast<std::size_t>(3 * spec.width_px);
  auto const frame_bytes = row_bytes * static_cast<std::size_t>(spec.height_px);
  GASM_ASSERT(clip.size() % frame_bytes == 0);
  auto const num_frames = static_cast<int>(clip.size() / frame_bytes);
  Rng rng(key);
  std::vector<Dot> dots;
  for (int i = 0; i < num_distractors; ++i) dots.push_back(draw_dot(rng, spec));
  for (int t = 0; t < num_frames; ++t) {
    auto const frame =
        clip.subspan(static_cast<std::size_t>(t) * frame_bytes, frame_bytes);
    for (auto const& dot : dots) paint_dot(frame, spec, dot, t);
    int const shift = static_cast<int>(std::lround(
        static_cast<double>(pan_px) * t / std::max(1, num_frames - 1)));
    for (std::size_t y = 0; shift > 0 && y < frame_bytes; y += row_bytes)
      shift_right(frame.subspan(y, row_bytes), shift);
  }
}

}  // namespace gasm
