// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/sampler.hpp"

#include "gasm/base/error.hpp"
#include "gasm/base/rng.hpp"

namespace gasm {
namespace {

// Keeps these draws apart from others keyed by a seed and an epoch.
constexpr std::uint64_t kOrderStream = 0x6f72646572;  // "order"

int half_bits_for(std::int64_t num_samples) {
  int half_bits = 1;
  while ((std::int64_t{1} << (2 * half_bits)) < num_samples) ++half_bits;
  return half_bits;
}

}  // namespace

EpochOrder::EpochOrder(std::uint64_t seed, std::int64_t epoch,
                       std::int64_t num_samples)
    : EpochOrder(identity(num_samples)) {
  if (num_samples > std::int64_t{1} << 60)
    throw error("an epoch of {} samples is too large to shuffle", num_samples);
  half_bits_ = half_bits_for(num_samples);
  Rng rng{seed, static_cast<std::uint64_t>(epoch), kOrderStream};
  for (auto& key : round_keys_) key = rng.u64();
}

EpochOrder EpochOrder::identity(std::int64_t num_samples) {
  if (num_samples < 0)
    throw error("an epoch cannot have {} samples", num_samples);
  return EpochOrder(num_samples);
}

std::int64_t EpochOrder::sample_at(std::int64_t position) const {
  if (position < 0 || position >= num_samples_)
    throw error("position {} is outside an epoch of {} samples", position,
                num_samples_);
  if (half_bits_ == 0) return position;
  auto value = static_cast<std::uint64_t>(position);
  do {
    value = encrypt(value);
  } while (value >= static_cast<std::uint64_t>(num_samples_));
  return static_cast<std::int64_t>(value);
}

std::uint64_t EpochOrder::encrypt(std::uint64_t value) const {
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

}  // namespace gasm
