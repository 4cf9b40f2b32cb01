// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "gasm/base/rng.hpp"

namespace gasm {

/// The generator of one clip in one epoch: its frames are drawn first, then
/// its augmentation. Evaluation uses epoch 0 always.
inline Rng clip_rng(std::uint64_t seed, std::int64_t epoch,
                    std::int64_t sample) {
  // Keeps these draws apart from others keyed by a seed and two numbers.
  constexpr std::uint64_t clip_stream = 0x636c6970;  // "clip"
  return Rng{seed, clip_stream, static_cast<std::uint64_t>(epoch),
             static_cast<std::uint64_t>(sample)};
}

}  // namespace gasm
