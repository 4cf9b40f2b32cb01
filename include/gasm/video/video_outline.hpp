// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "gasm/base/result.hpp"
#include "gasm/video/decode_limits.hpp"

namespace gasm {

/// What can be told of a video without decoding it.
struct VideoOutline {
  std::string codec;  ///< "vp9", "h264", ...
  /// Frames a second, from the times of the packets; from the header if those
  /// are unusable; 0 if neither says. An average where the rate varies.
  double fps = 0.0;
};

/// Reads the packets of the first video stream of a file in memory. Fails for
/// a file that is no video and on every limit; damage within a packet is not
/// noticed (probe_video, verify_video).
Result<VideoOutline> outline_video(std::span<std::byte const> file,
                                   DecodeLimits const& limits = {});

}  // namespace gasm
