// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/permutation.hpp"

#include "gasm/base/error.hpp"
#include "gasm/base/rng.hpp"

namespace gasm {
namespace {

int half_bits_for(std::int64_t size) {
  int half_bits = 1;
  while ((std::int64_t{1} << (2 * half_bits)) < size) ++half_bits;
  return half_bits;
}

}  // namespace

Permutation::Permutation(std::int64_t size, Rng rng) : size_(size) {
  if (size < 0 || size > std::int64_t{1} << 60)
    throw error("cannot shuffle {} samples", size);
  half_bits_ = half_bits_for(size);
  for (auto& key : round_keys_) key = rng.u64();
}

std::int64_t Permutation::at(std::int64_t position) const {
  GASM_ASSERT(0 <= position && position < size_);
  auto value = static_cast<std::uint64_t>(position);
  do {
    value = encrypt(value);
  } while (value >= static_cast<std::uint64_t>(size_));
  return static_cast<std::int64_t>(value);
}

std::int64_t Permutation::position_of(std::int64_t element) const {
  GASM_ASSERT(0 <= element && element < size_);
  auto value = static_cast<std::uint64_t>(element);
  do {
    value = decrypt(value);
  } while (value >= static_cast<std::uint64_t>(size_));
  return static_cast<std::int64_t>(value);
}

std::uint64_t Permutation::encrypt(std::uint64_t value) const {
  std::uint64_t const mask = (std::uint64_t{1} << half_bits_) - 1;
  std::uint64_t left = value >> half_bits_;
  std::uint64_t right = value & mask;
  for (auto key : round_keys_) {
    std::uint64_t const next = left ^ (mix_key({key, right}) & mask);
    left = right;
    right = next;
  }
  return (left << half_bits_) | right;
}

std::uint64_t Permutation::decrypt(std::uint64_t value) const {
  std::uint64_t const mask = (std::uint64_t{1} << half_bits_) - 1;
  std::uint64_t left = value >> half_bits_;
  std::uint64_t right = value & mask;
  for (auto key = round_keys_.rbegin(); key != round_keys_.rend(); ++key) {
    std::uint64_t const previous = right ^ (mix_key({*key, left}) & mask);
    right = left;
    left = previous;
  }
  return (left << half_bits_) | right;
}

}  // namespace gasm
