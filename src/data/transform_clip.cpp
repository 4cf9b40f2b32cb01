// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "gasm/base/error.hpp"
#include "gasm/data/augment.hpp"

// By hand rather than with tensor operations: these run on prefetch threads,
// where every tensor operation would start a team of threads of its own.

namespace gasm {
namespace {

struct Rgb {
  float r, g, b;
};

float grey_of(Rgb c) { return 0.299F * c.r + 0.587F * c.g + 0.114F * c.b; }

float clamp_level(float level) { return std::clamp(level, 0.0F, 255.0F); }

// weight * c + (1 - weight) * other, a level at a time.
Rgb blend(Rgb c, float other, float weight) {
  float const rest = (1.0F - weight) * other;
  return {clamp_level(weight * c.r + rest), clamp_level(weight * c.g + rest),
          clamp_level(weight * c.b + rest)};
}

std::uint8_t to_level(float level) {
  return static_cast<std::uint8_t>(std::lround(level));
}

// The source column (or row) of each output one.
std::vector<std::size_t> source_lines(int size, int shift) {
  std::vector<std::size_t> lines;
  for (int i = 0; i < size; ++i)
    lines.push_back(
        static_cast<std::size_t>(std::clamp(i - shift, 0, size - 1)));
  return lines;
}

// One frame [H, W, 3] to planes [3, H, W], each pixel from (rows, columns).
void gather_frame(std::span<std::uint8_t const> frame,
                  std::span<std::size_t const> rows,
                  std::span<std::size_t const> columns,
                  std::span<std::uint8_t> out) {
  std::size_t const plane = rows.size() * columns.size();
  std::size_t at = 0;
  for (auto y : rows) {
    for (auto x : columns) {
      std::size_t const from = 3 * (y * columns.size() + x);
      out[at] = frame[from];
      out[at + plane] = frame[from + 1];
      out[at + 2 * plane] = frame[from + 2];
      ++at;
    }
  }
}

// Calls visit(pixel index of its red level) for every pixel of the clip.
template <class Visit>
void for_each_pixel(std::span<std::uint8_t> clip, std::size_t plane,
                    Visit visit) {
  for (std::size_t frame = 0; frame < clip.size(); frame += 3 * plane)
    for (std::size_t at = frame; at < frame + plane; ++at) visit(at);
}

void jitter_colour(ClipTransform const& t, std::span<std::uint8_t> clip,
                   std::size_t plane) {
  auto const brightened = [&](std::size_t at) {
    auto const level = [&](std::size_t c) {
      return clamp_level(t.brightness *
                         static_cast<float>(clip[at + c * plane]));
    };
    return Rgb{level(0), level(1), level(2)};
  };
  double sum = 0.0;
  for_each_pixel(clip, plane, [&](std::size_t at) {
    sum += static_cast<double>(grey_of(brightened(at)));
  });
  auto const mean =
      static_cast<float>(3.0 * sum / static_cast<double>(clip.size()));
  for_each_pixel(clip, plane, [&](std::size_t at) {
    Rgb c = blend(brightened(at), mean, t.contrast);
    c = blend(c, grey_of(c), t.saturation);
    clip[at] = to_level(c.r);
    clip[at + plane] = to_level(c.g);
    clip[at + 2 * plane] = to_level(c.b);
  });
}

}  // namespace

void transform_clip(ClipTransform const& transform, FrameSize size,
                    std::span<std::uint8_t const> frames,
                    std::span<std::uint8_t> out) {
  auto const plane = static_cast<std::size_t>(size.width_px) *
                     static_cast<std::size_t>(size.height_px);
  GASM_ASSERT(plane > 0 && frames.size() == out.size() &&
              frames.size() % (3 * plane) == 0);
  auto const rows = source_lines(size.height_px, transform.shift_y_px);
  auto columns = source_lines(size.width_px, transform.shift_x_px);
  if (transform.mirror) std::reverse(columns.begin(), columns.end());
  for (std::size_t at = 0; at < frames.size(); at += 3 * plane)
    gather_frame(frames.subspan(at, 3 * plane), rows, columns,
                 out.subspan(at, 3 * plane));
  if (transform.changes_colour() && !out.empty())
    jitter_colour(transform, out, plane);
}

}  // namespace gasm
