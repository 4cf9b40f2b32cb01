// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace gasm {

/// The number formats of a Collective. 16-bit numbers travel as their bits
/// (gasm/base/half.hpp).
enum class DataType { fp32, bf16, fp16 };

constexpr std::size_t bytes_of(DataType type) {
  return type == DataType::fp32 ? 4 : 2;
}
/// "fp32", "bf16", "fp16".
char const* name_of(DataType type);

/// Where numbers lie.
enum class Memory { host, cuda };
/// "host memory", "CUDA memory".
char const* name_of(Memory memory);

/// Numbers in somebody else's memory: `count` of them from `data` on.
struct Values {
  void* data = nullptr;
  std::size_t count = 0;
  DataType type = DataType::fp32;
  Memory memory = Memory::host;

  std::size_t size_bytes() const { return count * bytes_of(type); }
};

inline Values fp32_values(std::span<float> values) {
  return {values.data(), values.size(), DataType::fp32, Memory::host};
}
inline Values bf16_values(std::span<std::uint16_t> bits) {
  return {bits.data(), bits.size(), DataType::bf16, Memory::host};
}
inline Values fp16_values(std::span<std::uint16_t> bits) {
  return {bits.data(), bits.size(), DataType::fp16, Memory::host};
}

/// What a reduction makes of the ranks' numbers.
struct Reduction {
  enum class Kind { sum, mean, scaled_sum, maximum };
  Kind kind = Kind::sum;
  float factor = 1.0f;  ///< of a scaled sum, this rank's own; else unused

  float used_factor() const { return kind == Kind::scaled_sum ? factor : 1.0f; }

  static constexpr Reduction sum() { return {Kind::sum, 1.0f}; }
  /// The sum divided by the number of ranks.
  static constexpr Reduction mean() { return {Kind::mean, 1.0f}; }
  /// Each rank's numbers times its own `factor`, then summed: a weighted mean
  /// where the factors add up to 1.
  static constexpr Reduction scaled_sum(float factor) {
    return {Kind::scaled_sum, factor};
  }
  /// The largest; either number where one is a NaN.
  static constexpr Reduction maximum() { return {Kind::maximum, 1.0f}; }
};
/// "sum", "mean", "scaled sum", "maximum".
char const* name_of(Reduction::Kind kind);

}  // namespace gasm
