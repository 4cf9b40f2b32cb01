// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace gasm {

/// Whether a VP9 packet holds a frame to display, from the bits of its
/// uncompressed header (VP9 bitstream specification, 6.2 and annex B). A
/// superframe hides its alternate references and ends in the one frame that
/// is shown.
bool shows_frame(std::span<std::uint8_t const> vp9_packet);

}  // namespace gasm
