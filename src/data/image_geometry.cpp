// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
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

// N source places along one axis: where their bytes begin, and their weights.
template <int N>
struct Taps {
  std::array<std::int32_t, N> places;
  std::array<float, N> weights;
};

// Where an output pixel comes from.
template <int NX, int NY>
struct Source {
  bool is_inside = false;
  Taps<NX> x;
  Taps<NY> y;
};

// An axis along which nothing moves.
std::array<float, 1> weights_at(float, std::array<float, 1> const&) {
  return {1.0F};
}

std::array<float, 2> weights_at(float d, std::array<float, 2> const&) {
  return {1.0F - d, d};
}

std::array<float, 4> weights_at(float d, std::array<float, 4> const&) {
  // p1 + d (p2 + d (p3 + d p4)) of Pillow's BICUBIC, by source pixel.
  return {d * (-1.0F + d * (2.0F - d)), 1.0F + d * d * (d - 2.0F),
          d * (1.0F + d * (1.0F - d)), d * d * (d - 1.0F)};
}

template <int N>
Taps<N> taps_at(double place, int length, int step_bytes) {
  Taps<N> taps;
  double const first = std::floor(place - 0.5);
  taps.weights =
      weights_at(static_cast<float>(place - 0.5 - first), taps.weights);
  for (int k = 0; k < N; ++k) {
    int const shift = k - (N - 1) / 2;
    taps.places[static_cast<std::size_t>(k)] =
        step_bytes * std::clamp(static_cast<int>(first) + shift, 0, length - 1);
  }
  return taps;
}

// Reads one byte beyond the pixel: the copy of the frame has room for that.
Floats load_pixel(std::uint8_t const* rgb) {
  Bytes4 bytes;
  std::memcpy(&bytes, rgb, sizeof bytes);
  return __builtin_convertvector(bytes, Floats);
}

template <int NX, int NY>
void put_pixel(Source<NX, NY> const& source, std::uint8_t const* frame,
               std::uint8_t* out) {
  if (!source.is_inside) {
    std::fill_n(out, kChannels, kFill);
    return;
  }
  Floats sum{};
  for (std::size_t j = 0; j < NY; ++j) {
    auto const* const row = frame + source.y.places[j];
    Floats line{};
    for (std::size_t i = 0; i < NX; ++i)
      line += source.x.weights[i] * load_pixel(row + source.x.places[i]);
    sum += source.y.weights[j] * line;
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

template <int NX, int NY>
void transform(std::span<std::uint8_t> frames, FrameSize size,
               AffineMap const& map) {
  int const row_bytes = 3 * size.width_px;
  auto const frame_bytes = static_cast<std::size_t>(row_bytes) *
                           static_cast<std::size_t>(size.height_px);
  GASM_ASSERT(frame_bytes > 0 && frames.size() % frame_bytes == 0);
  thread_local std::vector<std::uint8_t> before;
  before.resize(frames.size() + 1);
  std::copy(frames.begin(), frames.end(), before.begin());
  std::vector<Source<NX, NY>> sources(static_cast<std::size_t>(size.width_px));
  for (int row = 0; row < size.height_px; ++row) {
    for (int column = 0; column < size.width_px; ++column) {
      double const px = column + 0.5;
      double const py = row + 0.5;
      double const x = map.a * px + map.b * py + map.c;
      double const y = map.d * px + map.e * py + map.f;
      auto& source = sources[static_cast<std::size_t>(column)];
      source.is_inside =
          x >= 0.0 && x < size.width_px && y >= 0.0 && y < size.height_px;
      if (!source.is_inside) continue;
      source.x = taps_at<NX>(x, size.width_px, 3);
      source.y = taps_at<NY>(y, size.height_px, row_bytes);
    }
    auto* const first =
        frames.data() + static_cast<std::ptrdiff_t>(row) * row_bytes;
    for (std::size_t at = 0; at < frames.size(); at += frame_bytes) {
      auto* out = first + at;
      for (auto const& source : sources) {
        put_pixel(source, before.data() + at, out);
        out += kChannels;
      }
    }
  }
}

template <int N>
void transform_where_needed(std::span<std::uint8_t> frames, FrameSize size,
                            AffineMap const& map) {
  bool const moves_x = map.a != 1.0 || map.b != 0.0 || map.c != 0.0;
  bool const moves_y = map.d != 0.0 || map.e != 1.0 || map.f != 0.0;
  if (moves_x && moves_y) return transform<N, N>(frames, size, map);
  if (moves_x) return transform<N, 1>(frames, size, map);
  if (moves_y) return transform<1, N>(frames, size, map);
}

double round_to_15_digits(double value) {
  return std::round(value * 1e15) / 1e15;
}

}  // namespace

void transform_affine(std::span<std::uint8_t> frames, FrameSize size,
                      AffineMap const& map, Interpolation interpolation) {
  if (interpolation == Interpolation::bilinear)
    transform_where_needed<2>(frames, size, map);
  else
    transform_where_needed<4>(frames, size, map);
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
