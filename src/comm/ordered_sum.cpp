// SPDX-License-Identifier: Apache-2.0
#include "ordered_sum.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "gasm/base/half.hpp"

namespace gasm {
namespace {

struct Fp32 {
  using Stored = float;
  static float widen(float value) { return value; }
  static float narrow(float value) { return value; }
};
struct Bf16 {
  using Stored = std::uint16_t;
  static float widen(std::uint16_t bits) { return widen_bf16(bits); }
  static std::uint16_t narrow(float value) { return narrow_bf16(value); }
};
struct Fp16 {
  using Stored = std::uint16_t;
  static float widen(std::uint16_t bits) { return widen_fp16(bits); }
  static std::uint16_t narrow(float value) { return narrow_fp16(value); }
};

/// Numbers added at once: floats of a block stay in the nearest cache.
constexpr std::size_t kBlock = 2048;
using Sums = std::array<float, kBlock>;

template <class Number>
void begin(float* __restrict sums, typename Number::Stored const* values,
           float factor, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    sums[i] = Number::widen(values[i]) * factor;
}

template <class Number>
void add(float* __restrict sums, typename Number::Stored const* values,
         float factor, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    sums[i] += Number::widen(values[i]) * factor;
}

template <class Number>
void take_larger(float* __restrict sums, typename Number::Stored const* values,
                 std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    sums[i] = std::max(sums[i], Number::widen(values[i]));
}

template <class Number>
void end(typename Number::Stored* values, float const* __restrict sums,
         std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) values[i] = Number::narrow(sums[i]);
}

template <class Number>
void add_blocks(std::span<Addend const> addends, Reduction::Kind kind,
                Values out) {
  using Stored = typename Number::Stored;
  auto const divisor = static_cast<float>(addends.size());
  alignas(64) Sums block;
  float* const sums = block.data();
  for (std::size_t first = 0; first < out.count; first += kBlock) {
    std::size_t const count = std::min(kBlock, out.count - first);
    auto const values = [&](Addend const& addend) {
      return reinterpret_cast<Stored const*>(addend.data) + first;
    };
    begin<Number>(sums, values(addends[0]), addends[0].factor, count);
    for (auto const& addend : addends.subspan(1)) {
      if (kind == Reduction::Kind::maximum)
        take_larger<Number>(sums, values(addend), count);
      else
        add<Number>(sums, values(addend), addend.factor, count);
    }
    if (kind == Reduction::Kind::mean)
      for (std::size_t i = 0; i < count; ++i) sums[i] /= divisor;
    end<Number>(static_cast<Stored*>(out.data) + first, sums, count);
  }
}

}  // namespace

void add_in_order(std::span<Addend const> addends, Reduction::Kind kind,
                  Values out) {
  switch (out.type) {
    case DataType::fp32:
      return add_blocks<Fp32>(addends, kind, out);
    case DataType::bf16:
      return add_blocks<Bf16>(addends, kind, out);
    case DataType::fp16:
      return add_blocks<Fp16>(addends, kind, out);
  }
}

}  // namespace gasm
