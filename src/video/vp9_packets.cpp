// SPDX-License-Identifier: Apache-2.0
#include "vp9_packets.hpp"

namespace gasm {
namespace {

constexpr std::uint8_t kSuperframeMarker = 0b110;

}  // namespace

bool shows_frame(std::span<std::uint8_t const> vp9_packet) {
  if (vp9_packet.empty()) return false;
  if (vp9_packet.back() >> 5 == kSuperframeMarker) {
    unsigned const marker = vp9_packet.back();
    std::size_t const num_frames = (marker & 7) + 1;
    std::size_t const index_bytes = 2 + num_frames * (((marker >> 3) & 3) + 1);
    if (vp9_packet.size() >= index_bytes &&
        vp9_packet[vp9_packet.size() - index_bytes] == marker)
      return true;
  }
  // frame_marker (2), profile (2), reserved (1, profile 3 only),
  // show_existing_frame (1), frame_type (1), show_frame (1)
  unsigned const first = vp9_packet[0];
  if (first >> 6 != 0b10) return false;
  bool const is_profile_3 = ((first >> 4) & 0b11) == 0b11;
  unsigned const flags = is_profile_3 ? first << 1 : first;
  bool const shows_existing = flags & 0b1000;
  if (shows_existing) return true;
  return flags & 0b10;
}

}  // namespace gasm
