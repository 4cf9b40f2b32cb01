// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gasm/base/result.hpp"

namespace gasm {

/// A PNG file, made in memory: 8 bits a channel, the very bytes of `rgb`
/// [height, width, 3]. Fails if their number does not fit the size, or if this
/// FFmpeg cannot write PNG.
Result<std::vector<std::byte>> encode_png(std::span<std::uint8_t const> rgb,
                                          int width, int height);

}  // namespace gasm
