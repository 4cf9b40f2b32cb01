// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/half.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace gasm {
namespace {

/// A format as its definition has it: bits of exponent and of mantissa.
struct Format {
  int exponent_bits;
  int mantissa_bits;
  float (*widen)(std::uint16_t);
  std::uint16_t (*narrow)(float);

  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  std::uint16_t infinity() const {
    return static_cast<std::uint16_t>(((1 << exponent_bits) - 1)
                                      << mantissa_bits);
  }
  bool is_nan(std::uint32_t bits) const { return (bits & 0x7fff) > infinity(); }

  /// The number that `bits` (no NaN) stands for.
  double value(std::uint32_t bits) const {
    double const sign = bits & 0x8000 ? -1.0 : 1.0;
    auto const magnitude = bits & 0x7fff;
    if (magnitude == infinity())
      return sign * std::numeric_limits<double>::infinity();
    int const exponent = static_cast<int>(magnitude >> mantissa_bits);
    auto const mantissa = magnitude & ((1u << mantissa_bits) - 1);
    double const one = exponent == 0 ? 0.0 : 1.0;
    return sign * std::ldexp(one + std::ldexp(mantissa, -mantissa_bits),
                             std::max(exponent, 1) - bias());
  }
};

class Half : public testing::TestWithParam<Format> {};

TEST_P(Half, WidensEveryPatternExactly) {
  auto const& format = GetParam();
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    float const wide = format.widen(static_cast<std::uint16_t>(bits));
    ASSERT_EQ(std::signbit(wide), (bits & 0x8000) != 0) << bits;
    if (format.is_nan(bits))
      ASSERT_TRUE(std::isnan(wide)) << bits;
    else
      ASSERT_EQ(static_cast<double>(wide), format.value(bits)) << bits;
  }
}

TEST_P(Half, NarrowsEveryPatternToItself) {
  auto const& format = GetParam();
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    auto const back =
        format.narrow(format.widen(static_cast<std::uint16_t>(bits)));
    if (format.is_nan(bits)) {
      ASSERT_TRUE(format.is_nan(back)) << bits;
      ASSERT_EQ(back & 0x8000, bits & 0x8000u) << bits;
    } else {
      ASSERT_EQ(back, bits);
    }
  }
}

TEST_P(Half, RoundsBetweenAllNeighboursToTheNearestAndTiesToEven) {
  auto const& format = GetParam();
  for (std::uint32_t sign : {0u, 0x8000u}) {
    for (std::uint32_t low = 0; low < format.infinity(); ++low) {
      std::uint32_t const high = low + 1;
      // Beyond the largest number: as if one more followed it.
      double const next = high < format.infinity()
                              ? format.value(high)
                              : std::ldexp(1.0, (1 << format.exponent_bits) -
                                                    1 - format.bias());
      auto const middle = static_cast<float>((format.value(low) + next) / 2);
      std::uint32_t const even = low % 2 == 0 ? low : high;
      float const turn = sign == 0 ? 1.0f : -1.0f;
      float const below = std::nextafter(middle, 0.0f);
      float const above =
          std::nextafter(middle, std::numeric_limits<float>::infinity());
      ASSERT_EQ(format.narrow(turn * middle), sign | even) << low;
      ASSERT_EQ(format.narrow(turn * below), sign | low) << low;
      ASSERT_EQ(format.narrow(turn * above), sign | high) << low;
    }
  }
}

TEST_P(Half, KeepsWhatIsNoNumber) {
  auto const& format = GetParam();
  float const infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(format.narrow(infinity), format.infinity());
  EXPECT_EQ(format.narrow(-infinity), format.infinity() | 0x8000);
  // Whatever bits of the mantissa are set.
  for (int bit = 0; bit < 23; ++bit) {
    auto const nan = std::bit_cast<float>(0x7f800000u | (1u << bit));
    EXPECT_TRUE(format.is_nan(format.narrow(nan))) << bit;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Formats, Half,
    testing::Values(Format{8, 7, widen_bf16, narrow_bf16},
                    Format{5, 10, widen_fp16, narrow_fp16}),
    [](auto const& format) { return format.index == 0 ? "bf16" : "fp16"; });

}  // namespace
}  // namespace gasm
