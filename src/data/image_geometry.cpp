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
// used for all frames. Frames are copied to four bytes a pixel: neighbours in a
// row are then one vector.

namespace gasm {
namespace {

constexpr std::size_t kChannels = 3;
constexpr std::size_t kPixel = 4;  // bytes of a copied pixel, the last unused
constexpr std::uint8_t kFill = 128;
// Levels are cut, not rounded, so that a flat 100 that sums up to 99.99999
// must not become 99.
constexpr float kSlack = 1e-3F;

// N source pixels of a row. One by one: GCC 12 knows no vectors of a dependent
// size, and makes scalar code of those longer than a register.
template <int N>
struct Vectors;
template <>
struct Vectors<1> {
  using Bytes = std::uint8_t __attribute__((vector_size(4)));
  using Floats = float __attribute__((vector_size(16)));
};
template <>
struct Vectors<2> {
  using Bytes = std::uint8_t __attribute__((vector_size(8)));
  using Floats = float __attribute__((vector_size(32)));
};
using Floats = Vectors<1>::Floats;
using Ints = std::int32_t __attribute__((vector_size(16)));

// Where the NX x NY source pixels of an output pixel are, and their weights.
template <int NX, int NY>
struct Source {
  bool is_inside = false;
  bool is_contiguous = false;  // no column beyond an edge
  std::array<std::int32_t, NX> columns;
  std::array<std::int32_t, NY> rows;
  std::array<float, NX> weights_x;
  std::array<float, NY> weights_y;
};

// An axis along which nothing moves.
void set_weights(float, std::array<float, 1>& weights) { weights = {1.0F}; }

void set_weights(float d, std::array<float, 2>& weights) {
  weights = {1.0F - d, d};
}

void set_weights(float d, std::array<float, 4>& weights) {
  // p1 + d (p2 + d (p3 + d p4)) of Pillow's BICUBIC, by source pixel.
  weights = {d * (-1.0F + d * (2.0F - d)), 1.0F + d * d * (d - 2.0F),
             d * (1.0F + d * (1.0F - d)), d * d * (d - 1.0F)};
}

template <std::size_t N>
void set_taps(double place, int length, std::array<std::int32_t, N>& indices,
              std::array<float, N>& weights) {
  double const first = std::floor(place - 0.5);
  set_weights(static_cast<float>(place - 0.5 - first), weights);
  for (std::size_t k = 0; k < N; ++k) {
    int const shift = static_cast<int>(k) - (static_cast<int>(N) - 1) / 2;
    indices[k] = std::clamp(static_cast<int>(first) + shift, 0, length - 1);
  }
}

template <int NX, int NY>
Source<NX, NY> find_source(double x, double y, FrameSize size) {
  Source<NX, NY> source;
  source.is_inside =
      x >= 0.0 && x < size.width_px && y >= 0.0 && y < size.height_px;
  if (!source.is_inside) return source;
  set_taps(x, size.width_px, source.columns, source.weights_x);
  set_taps(y, size.height_px, source.rows, source.weights_y);
  source.is_contiguous = source.columns.back() - source.columns[0] == NX - 1;
  return source;
}

template <int NX, int NY>
[[gnu::always_inline]] inline void put_pixel(Source<NX, NY> const& source,
                                             std::uint8_t const* frame,
                                             std::size_t row_bytes,
                                             std::uint8_t* out) {
  if (!source.is_inside) {
    for (std::size_t c = 0; c < kChannels; ++c) out[c] = kFill;
    return;
  }
  constexpr int kAtOnce = NX == 1 ? 1 : 2;
  using Vector = Vectors<kAtOnce>;
  std::array<typename Vector::Floats, NX / kAtOnce> columns{};
  std::array<std::uint8_t, kPixel * NX> gathered;
  for (std::size_t j = 0; j < NY; ++j) {
    auto const* const row =
        frame + static_cast<std::size_t>(source.rows[j]) * row_bytes;
    auto const* from =
        row + kPixel * static_cast<std::size_t>(source.columns[0]);
    if (!source.is_contiguous) {
      for (std::size_t i = 0; i < NX; ++i)
        std::memcpy(&gathered[kPixel * i],
                    row + kPixel * static_cast<std::size_t>(source.columns[i]),
                    kPixel);
      from = gathered.data();
    }
    for (auto& some : columns) {
      typename Vector::Bytes bytes;
      std::memcpy(&bytes, from, sizeof bytes);
      some += source.weights_y[j] *
              __builtin_convertvector(bytes, typename Vector::Floats);
      from += sizeof bytes;
    }
  }
  std::array<Floats, NX> pixels;
  static_assert(sizeof pixels == sizeof columns);
  std::memcpy(pixels.data(), columns.data(), sizeof columns);
  Floats sum{};
  for (std::size_t i = 0; i < NX; ++i) sum += source.weights_x[i] * pixels[i];
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
[[gnu::always_inline]] inline void put_row(
    std::vector<Source<NX, NY>> const& sources, std::uint8_t const* frame,
    std::uint8_t* out) {
  for (auto const& source : sources) {
    put_pixel(source, frame, kPixel * sources.size(), out);
    out += kChannels;
  }
}

template <int NX, int NY>
void put_row_plain(std::vector<Source<NX, NY>> const& sources,
                   std::uint8_t const* frame, std::uint8_t* out) {
  put_row(sources, frame, out);
}

#if defined(__x86_64__)
// Without fused multiplication: the same levels on every machine.
template <int NX, int NY>
[[gnu::target("avx2")]] void put_row_avx2(
    std::vector<Source<NX, NY>> const& sources, std::uint8_t const* frame,
    std::uint8_t* out) {
  put_row(sources, frame, out);
}

template <int NX, int NY>
auto pick_put_row() {
  static bool const has_avx2 = __builtin_cpu_supports("avx2");
  return has_avx2 ? put_row_avx2<NX, NY> : put_row_plain<NX, NY>;
}
#else
template <int NX, int NY>
auto pick_put_row() {
  return put_row_plain<NX, NY>;
}
#endif

// [..., 3] to [..., 4].
std::vector<std::uint8_t> const& widened(std::span<std::uint8_t const> frames) {
  thread_local std::vector<std::uint8_t> wide;
  wide.resize(frames.size() / kChannels * kPixel);
  auto* to = wide.data();
  for (std::size_t at = 0; at < frames.size(); at += kChannels, to += kPixel)
    for (std::size_t c = 0; c < kChannels; ++c) to[c] = frames[at + c];
  return wide;
}

template <int NX, int NY>
void transform(std::span<std::uint8_t> frames, FrameSize size,
               AffineMap const& map) {
  auto const num_pixels = static_cast<std::size_t>(size.width_px) *
                          static_cast<std::size_t>(size.height_px);
  GASM_ASSERT(num_pixels > 0 && frames.size() % (kChannels * num_pixels) == 0);
  auto const& before = widened(frames);
  auto const put = pick_put_row<NX, NY>();
  std::vector<Source<NX, NY>> sources(static_cast<std::size_t>(size.width_px));
  for (int row = 0; row < size.height_px; ++row) {
    for (int column = 0; column < size.width_px; ++column) {
      double const x = column + 0.5;
      double const y = row + 0.5;
      sources[static_cast<std::size_t>(column)] = find_source<NX, NY>(
          map.a * x + map.b * y + map.c, map.d * x + map.e * y + map.f, size);
    }
    auto const first = static_cast<std::size_t>(row) * sources.size();
    for (std::size_t at = 0; kChannels * at < frames.size(); at += num_pixels)
      put(sources, &before[kPixel * at], &frames[kChannels * (at + first)]);
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
