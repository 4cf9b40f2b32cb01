// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gasm/base/half.hpp"
#include "gasm/comm/values.hpp"

namespace gasm {

/// Host numbers of any type, read and written as floats.
class TypedNumbers {
 public:
  TypedNumbers(DataType type, std::size_t count)
      : type_(type),
        floats_(type == DataType::fp32 ? count : 0),
        halves_(type == DataType::fp32 ? 0 : count) {}

  std::size_t size() const { return floats_.size() + halves_.size(); }

  void set(std::size_t i, float value) {
    if (type_ == DataType::fp32) floats_[i] = value;
    if (type_ == DataType::bf16) halves_[i] = narrow_bf16(value);
    if (type_ == DataType::fp16) halves_[i] = narrow_fp16(value);
  }
  float at(std::size_t i) const {
    if (type_ == DataType::fp32) return floats_[i];
    return type_ == DataType::bf16 ? widen_bf16(halves_[i])
                                   : widen_fp16(halves_[i]);
  }
  Values values() {
    if (type_ == DataType::fp32) return fp32_values(floats_);
    return type_ == DataType::bf16 ? bf16_values(halves_)
                                   : fp16_values(halves_);
  }

 private:
  DataType type_;
  std::vector<float> floats_;
  std::vector<std::uint16_t> halves_;
};

/// Half of the distance between numbers of `type` around `value`: what one
/// rounding may lose.
inline double half_ulp(DataType type, double value) {
  int const digits = type == DataType::fp32   ? 24
                     : type == DataType::bf16 ? 8
                                              : 11;
  int const least = type == DataType::fp16 ? -13 : -125;
  int exponent = least;
  if (value != 0.0) {
    std::frexp(value, &exponent);
    exponent = std::max(exponent, least);
  }
  return std::ldexp(1.0, exponent - digits - 1);
}

/// Number i of rank `rank`: of both signs, below 4, all bits in use.
inline float number_of(std::uint64_t rank, std::uint64_t i) {
  std::uint64_t bits =
      (i + 1) * 0x9e3779b97f4a7c15u ^ (rank + 1) * 0xc2b2ae3d27d4eb4fu;
  bits = (bits ^ (bits >> 29)) * 0xbf58476d1ce4e5b9u;
  return static_cast<float>(static_cast<std::int64_t>(bits)) * 0x1p-61f;
}

}  // namespace gasm
