// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>

namespace gasm {

/// 16-bit numbers as their bits: bfloat16 (bf16: a float's upper half) and
/// IEEE 754 half precision (fp16). Widening is exact. Narrowing rounds to the
/// nearest, ties to even; what is too large becomes infinity, and a NaN stays
/// a NaN of the same sign. Without branches, so that loops become vectors.

inline float widen_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

inline std::uint16_t narrow_bf16(float value) {
  auto const bits = std::bit_cast<std::uint32_t>(value);
  std::uint32_t const rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  std::uint32_t const nan = (bits >> 16) | 0x40;  // some bit of it must stay
  bool const is_nan = (bits & 0x7fffffff) > 0x7f800000;
  return static_cast<std::uint16_t>(is_nan ? nan : rounded);
}

inline float widen_fp16(std::uint16_t bits) {
  constexpr std::uint32_t exponent_step = (127 - 15) << 23;
  std::uint32_t const sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
  std::uint32_t const rest = bits & 0x7fffu;
  std::uint32_t const normal = (rest << 13) + exponent_step;
  std::uint32_t const special = (rest << 13) | 0x7f800000;
  // A product of normal floats: it does not depend on how the processor is
  // told to treat subnormal ones.
  auto const subnormal = std::bit_cast<std::uint32_t>(
      static_cast<float>(static_cast<std::int32_t>(rest)) * 0x1p-24f);
  std::uint32_t const small = rest < 0x0400 ? subnormal : normal;
  return std::bit_cast<float>(sign | (rest >= 0x7c00 ? special : small));
}

inline std::uint16_t narrow_fp16(float value) {
  constexpr std::uint32_t exponent_step = (127 - 15) << 23;
  auto const bits = std::bit_cast<std::uint32_t>(value);
  std::uint32_t const sign = (bits >> 16) & 0x8000;
  std::uint32_t const rest = bits & 0x7fffffff;
  std::uint32_t const normal =
      (rest - exponent_step + 0xfff + ((rest >> 13) & 1)) >> 13;
  // Below 2^-14: the sum's last bit is worth 2^-24, as a subnormal's.
  std::uint32_t const subnormal =
      std::bit_cast<std::uint32_t>(std::bit_cast<float>(rest) + 0.5f) -
      std::bit_cast<std::uint32_t>(0.5f);
  std::uint32_t const nan = 0x7e00 | ((rest >> 13) & 0x3ff);
  std::uint32_t const small = rest < (113u << 23) ? subnormal : normal;
  std::uint32_t const finite = rest >= (143u << 23) ? 0x7c00 : small;
  return static_cast<std::uint16_t>(sign | (rest > 0x7f800000 ? nan : finite));
}

}  // namespace gasm
