// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>

#include "gasm/video/decode_limits.hpp"

namespace gasm {

struct BenchDecodeOptions {
  int num_frames = 16;      ///< uniform frames a clip
  int short_side_px = 224;  ///< bilinear, aspect ratio kept
  int num_repeats = 3;      ///< passes over all files
  /// Also measures the floor: all frames of each clip are decoded and thrown
  /// away, in turn with the clip itself, so that drift of the machine hits
  /// both.
  bool with_floor = false;
  DecodeLimits limits;
};

/// Medians over the passes.
struct BenchDecodeResult {
  double clips_per_s = 0.0;
  double decode_ms = 0.0;  ///< a clip: reading, counting, decoding
  double scale_ms = 0.0;   ///< a clip: resizing, colours
  /// with_floor: what libavcodec needs for a clip, and the time of all the
  /// work over it.
  double floor_ms = 0.0;
  double over_floor = 0.0;
  int num_clips = 0;   ///< files in one pass
  int num_failed = 0;  ///< of them, in the last pass
};

/// Decoding speed of one core: every file is read, its frames counted, and
/// `num_frames` of them decoded, resized and converted to RGB by one thread
/// with one decoder. One clip is decoded before the clock starts.
BenchDecodeResult bench_decode(std::span<std::filesystem::path const> files,
                               BenchDecodeOptions const& options = {});

}  // namespace gasm
