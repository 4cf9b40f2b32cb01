// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "colour.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gasm {
namespace {

constexpr int kBlock = 64;  // pixels: three channels of it stay in registers
                            // or the first cache lines

std::uint8_t clip8(std::int32_t value) {
  return static_cast<std::uint8_t>(std::clamp(value, 0, 255));
}

struct Block {
  alignas(64) std::array<std::uint8_t, kBlock> r;
  alignas(64) std::array<std::uint8_t, kBlock> g;
  alignas(64) std::array<std::uint8_t, kBlock> b;
};

/// `count` pixels to three channels. Inlined into a copy for each instruction
/// set; the loop is written for the compiler to vectorise.
[[gnu::always_inline]] inline void convert_block(
    std::uint8_t const* y, std::uint8_t const* u, std::uint8_t const* v,
    int count, RgbCoefficients const& c, Block& out) {
  std::int32_t const rounding = (1 << 15) - c.y_offset * c.y_gain;
  std::int32_t const r0 = rounding - 128 * c.v_to_r;
  std::int32_t const g0 = rounding - 128 * (c.u_to_g + c.v_to_g);
  std::int32_t const b0 = rounding - 128 * c.u_to_b;
  for (int i = 0; i < count; ++i) {
    std::int32_t const luma = c.y_gain * y[i];
    std::int32_t const r = (luma + c.v_to_r * v[i] + r0) >> 16;
    std::int32_t const g =
        (luma + c.u_to_g * u[i] + c.v_to_g * v[i] + g0) >> 16;
    std::int32_t const b = (luma + c.u_to_b * u[i] + b0) >> 16;
    out.r[static_cast<std::size_t>(i)] = clip8(r);
    out.g[static_cast<std::size_t>(i)] = clip8(g);
    out.b[static_cast<std::size_t>(i)] = clip8(b);
  }
}

void interleave(std::uint8_t const* r, std::uint8_t const* g,
                std::uint8_t const* b, int count, std::uint8_t* rgb) {
  for (int i = 0; i < count; ++i) {
    rgb[3 * i] = r[i];
    rgb[3 * i + 1] = g[i];
    rgb[3 * i + 2] = b[i];
  }
}

void yuv_row(std::uint8_t const* y, std::uint8_t const* u,
             std::uint8_t const* v, int width, RgbCoefficients const& c,
             std::uint8_t* rgb) {
  Block block;
  for (int x = 0; x < width; x += kBlock) {
    int const count = std::min(kBlock, width - x);
    convert_block(y + x, u + x, v + x, count, c, block);
    interleave(block.r.data(), block.g.data(), block.b.data(), count,
               rgb + 3 * x);
  }
}

void gbr_row(std::uint8_t const* g, std::uint8_t const* b,
             std::uint8_t const* r, int width, std::uint8_t* rgb) {
  interleave(r, g, b, width, rgb);
}

#if defined(__x86_64__)
/// Where byte `i` of 16 output bytes number `part` comes from in channel
/// `channel`; -1 (cleared by pshufb) if from another channel.
constexpr char source_byte(int part, int channel, int i) {
  int const position = 16 * part + i;
  return position % 3 == channel ? static_cast<char>(position / 3)
                                 : static_cast<char>(-1);
}

struct Masks {
  alignas(16) char bytes[3][3][16];
};

constexpr Masks make_masks() {
  Masks masks{};
  for (int part = 0; part < 3; ++part)
    for (int channel = 0; channel < 3; ++channel)
      for (int i = 0; i < 16; ++i)
        masks.bytes[part][channel][i] = source_byte(part, channel, i);
  return masks;
}

constexpr Masks kMasks = make_masks();

[[gnu::target("avx2")]] void interleave_avx2(std::uint8_t const* r,
                                             std::uint8_t const* g,
                                             std::uint8_t const* b, int count,
                                             std::uint8_t* rgb) {
  int i = 0;
  for (; i + 16 <= count; i += 16) {
    auto const load = [i](std::uint8_t const* p) {
      return _mm_loadu_si128(reinterpret_cast<__m128i const*>(p + i));
    };
    __m128i const channels[3] = {load(r), load(g), load(b)};
    for (int part = 0; part < 3; ++part) {
      __m128i bytes = _mm_setzero_si128();
      for (int channel = 0; channel < 3; ++channel)
        bytes = _mm_or_si128(
            bytes,
            _mm_shuffle_epi8(channels[channel],
                             _mm_load_si128(reinterpret_cast<__m128i const*>(
                                 kMasks.bytes[part][channel]))));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(rgb + 3 * i + 16 * part),
                       bytes);
    }
  }
  interleave(r + i, g + i, b + i, count - i, rgb + 3 * i);
}

[[gnu::target("avx2")]] void yuv_row_avx2(std::uint8_t const* y,
                                          std::uint8_t const* u,
                                          std::uint8_t const* v, int width,
                                          RgbCoefficients const& c,
                                          std::uint8_t* rgb) {
  Block block;
  int x = 0;
  for (; x + kBlock <= width; x += kBlock) {
    convert_block(y + x, u + x, v + x, kBlock, c, block);
    interleave_avx2(block.r.data(), block.g.data(), block.b.data(), kBlock,
                    rgb + 3 * x);
  }
  convert_block(y + x, u + x, v + x, width - x, c, block);
  interleave_avx2(block.r.data(), block.g.data(), block.b.data(), width - x,
                  rgb + 3 * x);
}

[[gnu::target("avx2")]] void gbr_row_avx2(std::uint8_t const* g,
                                          std::uint8_t const* b,
                                          std::uint8_t const* r, int width,
                                          std::uint8_t* rgb) {
  interleave_avx2(r, g, b, width, rgb);
}

bool has_avx2() {
  static bool const has = __builtin_cpu_supports("avx2");
  return has;
}

auto pick_yuv_row() { return has_avx2() ? yuv_row_avx2 : yuv_row; }
auto pick_gbr_row() { return has_avx2() ? gbr_row_avx2 : gbr_row; }
#else
auto pick_yuv_row() { return yuv_row; }
auto pick_gbr_row() { return gbr_row; }
#endif

}  // namespace

void yuv444_to_rgb(Planes const& yuv, int width, int height,
                   RgbCoefficients const& coefficients, std::uint8_t* rgb) {
  auto const convert = pick_yuv_row();
  for (std::ptrdiff_t row = 0; row < height; ++row, rgb += 3 * width)
    convert(yuv.data[0] + row * yuv.stride[0],
            yuv.data[1] + row * yuv.stride[1],
            yuv.data[2] + row * yuv.stride[2], width, coefficients, rgb);
}

void gbr_to_rgb(Planes const& gbr, int width, int height, std::uint8_t* rgb) {
  auto const convert = pick_gbr_row();
  for (std::ptrdiff_t row = 0; row < height; ++row, rgb += 3 * width)
    convert(gbr.data[0] + row * gbr.stride[0],
            gbr.data[1] + row * gbr.stride[1],
            gbr.data[2] + row * gbr.stride[2], width, rgb);
}

}  // namespace gasm
