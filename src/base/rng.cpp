// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/rng.hpp"

#include <Random123/philox.h>

#include <cmath>
#include <numbers>

#include "gasm/base/error.hpp"

namespace gasm {

std::uint64_t mix_key(std::initializer_list<std::uint64_t> parts) {
  // SplitMix64's finaliser over a running state (Steele et al., OOPSLA'14).
  std::uint64_t state = 0x9e3779b97f4a7c15ULL * (parts.size() + 1);
  for (auto part : parts) {
    state += part + 0x9e3779b97f4a7c15ULL;
    state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9ULL;
    state = (state ^ (state >> 27)) * 0x94d049bb133111ebULL;
    state ^= state >> 31;
  }
  return state;
}

std::uint32_t Rng::u32() {
  if (used_ == 4) {
    r123::Philox4x32 philox;
    auto const low = static_cast<std::uint32_t>(block_);
    auto const high = static_cast<std::uint32_t>(block_ >> 32);
    r123::Philox4x32::ctr_type counter{{low, high, 0, 0}};
    r123::Philox4x32::key_type key{{static_cast<std::uint32_t>(key_),
                                    static_cast<std::uint32_t>(key_ >> 32)}};
    auto const block = philox(counter, key);
    for (std::size_t i = 0; i < 4; ++i) words_[i] = block[i];
    ++block_;
    used_ = 0;
  }
  return words_[static_cast<std::size_t>(used_++)];
}

std::uint64_t Rng::u64() {
  std::uint64_t const low = u32();
  return low | (static_cast<std::uint64_t>(u32()) << 32);
}

double Rng::uniform() { return static_cast<double>(u64() >> 11) * 0x1.0p-53; }

std::int64_t Rng::below(std::int64_t bound) {
  GASM_ASSERT(bound > 0);
  auto const range = static_cast<std::uint64_t>(bound);
  std::uint64_t const limit = UINT64_MAX - UINT64_MAX % range;
  std::uint64_t draw = u64();
  while (draw >= limit) draw = u64();
  return static_cast<std::int64_t>(draw % range);
}

double Rng::normal() {
  if (has_spare_normal_) {
    has_spare_normal_ = false;
    return spare_normal_;
  }
  double const radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  double const angle = 2.0 * std::numbers::pi * uniform();
  spare_normal_ = radius * std::sin(angle);
  has_spare_normal_ = true;
  return radius * std::cos(angle);
}

}  // namespace gasm
