// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace gasm {

/// What one untrusted file may cost. Passing any of them is an error that
/// names the limit, never a hang or an allocation that takes the node down.
struct DecodeLimits {
  /// Size of the whole file. SSv2 clips are near 90 KB.
  std::int64_t max_file_bytes = std::int64_t{1} << 28;
  /// Packets of the video stream read from one file.
  int max_packets = 20000;
  /// Frames decoded from one file.
  int max_frames = 20000;
  /// Width times height of one frame.
  std::int64_t max_pixels = 4096 * 2304;
  /// Streams (video, audio, subtitles, attachments) in one container.
  int max_streams = 16;
  /// Bytes that recognising the container and its streams may read.
  std::int64_t max_probe_bytes = 1 << 20;
  /// CPU seconds for one call; checked between packets. What the machine does
  /// besides, a job that is suspended say, tells nothing of the file.
  double deadline_s = 60.0;
};

}  // namespace gasm
