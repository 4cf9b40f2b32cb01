// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace gasm {

/// Frames of one video as bytes, [num_frames, height, width, 3], red first.
struct FrameBlock {
  int num_frames = 0;
  int height = 0;
  int width = 0;
  /// Empty after VideoDecoder::decode_into, where the caller has the bytes.
  std::vector<std::uint8_t> rgb;
  /// How many of the frames lie beyond the last decodable one and are
  /// copies of that. The caller decides what this means for the sample.
  int num_missing = 0;
  /// Packets that the decoder refused on the way to the last wanted frame.
  int num_corrupt_packets = 0;
  /// Of the call's wall-clock seconds, those for resizing and colours.
  double scale_s = 0.0;

  std::size_t frame_bytes() const {
    return static_cast<std::size_t>(height) * static_cast<std::size_t>(width) *
           3;
  }
  /// The bytes of frame i, [height, width, 3]. Needs rgb.
  std::span<std::uint8_t const> frame(int i) const {
    return std::span(rgb).subspan(static_cast<std::size_t>(i) * frame_bytes(),
                                  frame_bytes());
  }
};

}  // namespace gasm
