// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <numbers>
#include <vector>

#include "gasm/base/error.hpp"
#include "gasm/data/image_ops.hpp"

// The places and weights of a row of output pixels are worked out once and then
// used for all frames; the colours of a pixel are one vector.

namespace gasm {
namespace {

constexpr std::size_t kChannels = 3;
constexpr std::uint8_t kFill = 128;
// Levels are cut, not rounded, so that a flat 100 that sums up to 99.99999
// must not become 99.
constexpr float kSlack = 1e-3F;

using Floats = float __attribute__((vector_size(16)));
using Bytes4 = std::uint8_t __attribute__((vector_size(4)));
using Ints = std::int32_t __attribute__((vector_size(16)));

// Where an output pixel comes from: N x N source pixels and their weights.
template <int N>
struct Taps {
  bool is_inside = false;
  std::array<std::int32_t, N> columns;  // byte offsets within a row
  std::array<std::int32_t, N> rows;     // byte offsets of rows
  std::array<float, N> weights_x;
  std::array<float, N> weights_y;
};

std::array<float, 2> weights_at(float d, std::array<float, 2> const&) {
  return {1.0F - d, d};
}

std::array<float, 4> weights_at(float d, std::array<float, 4> const&) {
  // p1 + d (p2 + d (p3 + d p4)) of Pillow's BICUBIC, by source pixel.
  return {d * (-1.0F + d * (2.0F - d)), 1.0F + d * d * (d - 2.0F),
          d * (1.0F + d * (1.0F - d)), d * d * (d - 1.0F)};
}

template <int N>
Taps<N> taps_at(double x, double y, FrameSize size) {
  Taps<N> taps{};
  taps.is_inside =
      x >= 0.0 && x < size.width_px && y >= 0.0 && y < size.height_px;
  if (!taps.is_inside) return taps;
  double const left = std::floor(x - 0.5);
  double const top = std::floor(y - 0.5);
  taps.weights_x =
      weights_at(static_cast<float>(x - 0.5 - left), taps.weights_x);
  taps.weights_y =
      weights_at(static_cast<float>(y - 0.5 - top), taps.weights_y);
  int const row_bytes = 3 * size.width_px;
  for (int k = 0; k < N; ++k) {
    auto const at = static_cast<std::size_t>(k);
    int const shift = k - (N / 2 - 1);
    taps.columns[at] =
        3 * std::clamp(static_cast<int>(left) + shift, 0, size.width_px - 1);
    taps.rows[at] = row_bytes * std::clamp(static_cast<int>(top) + shift, 0,
                                           size.height_px - 1);
  }
  return taps;
}

// Reads one byte beyond the pixel: the copy of the frame has room for that.
Floats load_pixel(std::uint8_t const* rgb) {
  Bytes4 bytes;
  std::memcpy(&bytes, rgb, sizeof bytes);
  return __builtin_convertvector(bytes, Floats);
}

template <int N>
void put_pixel(Taps<N> const& taps, std::uint8_t const* frame,
               std::uint8_t* out) {
  if (!taps.is_inside) {
    std::fill_n(out, kChannels, kFill);
    return;
  }
  Floats sum{};
  for (std::size_t j = 0; j < N; ++j) {
    auto const* const row = frame + taps.rows[j];
    Floats line{};
    for (std::size_t i = 0; i < N; ++i)
      line += taps.weights_x[i] * load_pixel(row + taps.columns[i]);
    sum += taps.weights_y[j] * line;
  }
  sum += kSlack;
  Floats const zero{};
  Floats const most = zero + 255.0F;
  sum = sum < zero ? zero : sum;
  sum = sum > most ? most : sum;
  Ints const levels = __builtin_convertvector(sum, Ints);
  for (std::size_t c = 0; c < kChannels; ++c)
    out[c] = static_cast<std::uint8_t>(levels[c]);
}

template <int N>
void transform(std::span<std::uint8_t> frames, FrameSize size,
               AffineMap const& map) {
  auto const width = static_cast<std::size_t>(size.width_px);
  auto const row_bytes = kChannels * width;
  auto const frame_bytes = row_bytes * static_cast<std::size_t>(size.height_px);
  GASM_ASSERT(frame_bytes > 0 && frames.size() % frame_bytes == 0);
  thread_local std::vector<std::uint8_t> source;
  source.resize(frames.size() + 1);
  std::copy(frames.begin(), frames.end(), source.begin());
  std::vector<Taps<N>> taps(width);
  for (int y = 0; y < size.height_px; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      double const px = static_cast<double>(x) + 0.5;
      double const py = y + 0.5;
      taps[x] = taps_at<N>(map.a * px + map.b * py + map.c,
                           map.d * px + map.e * py + map.f, size);
    }
    auto const row = static_cast<std::size_t>(y) * row_bytes;
    for (std::size_t at = 0; at < frames.size(); at += frame_bytes)
      for (std::size_t x = 0; x < width; ++x)
        put_pixel(taps[x], source.data() + at, &frames[at + row + 3 * x]);
  }
}

double round_to_15_digits(double value) {
  return std::round(value * 1e15) / 1e15;
}

}  // namespace

void transform_affine(std::span<std::uint8_t> frames, FrameSize size,
                      AffineMap const& map, Interpolation interpolation) {
  if (interpolation == Interpolation::bilinear)
    transform<2>(frames, size, map);
  else
    transform<4>(frames, size, map);
}

AffineMap rotation_map(FrameSize size, double degrees) {
  double const angle = -degrees * std::numbers::pi / 180.0;
  AffineMap map;
  map.a = map.e = round_to_15_digits(std::cos(angle));
  map.b = round_to_15_digits(std::sin(angle));
  map.d = round_to_15_digits(-std::sin(angle));
  double const x = size.width_px / 2.0;
  double const y = size.height_px / 2.0;
  map.c = x - map.a * x - map.b * y;
  map.f = y - map.d * x - map.e * y;
  return map;
}

}  // namespace gasm
