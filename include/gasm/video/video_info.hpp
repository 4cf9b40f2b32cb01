// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "gasm/base/result.hpp"
#include "gasm/video/decode_limits.hpp"

namespace gasm {

/// How YUV becomes RGB. Files that do not say are taken as bt601, limited
/// range, which is also what the ffmpeg tool does.
enum class ColourMatrix { bt601, bt709, fcc, smpte240m, bt2020, rgb };
enum class ColourRange { limited, full };

char const* to_string(ColourMatrix matrix);
char const* to_string(ColourRange range);

/// What a video file holds, found by decoding all of it.
struct VideoInfo {
  std::string container;     ///< FFmpeg's short name, e.g. "matroska,webm"
  std::string codec;         ///< "vp9", "h264", ...
  std::string pixel_format;  ///< of the first frame, e.g. "yuv420p"
  /// Size of the first frame as displayed, that is, after rotation.
  int width = 0;
  int height = 0;
  /// Clockwise turn that display asks for: 0, 90, 180 or 270 degrees.
  int rotation_deg = 0;
  /// From the timestamps of the decoded frames; from the header if they are
  /// unusable; 0 if neither says. An average where the rate varies.
  double fps = 0.0;
  ColourMatrix matrix = ColourMatrix::bt601;
  ColourRange range = ColourRange::limited;
  /// Frames that came out of the decoder; headers are not believed.
  int num_frames = 0;
  /// What the header claims, where it claims anything.
  std::optional<std::int64_t> header_frames;
  std::optional<double> header_duration_s;
  /// Packets that the decoder refused (always 0 from verify_video).
  int num_corrupt_packets = 0;
};

/// Decodes the first video stream of a file in memory to its end, going on
/// after damaged packets. Fails if no frame comes out, if the display matrix
/// is no multiple of 90 degrees, and on every limit.
Result<VideoInfo> probe_video(std::span<std::byte const> file,
                              DecodeLimits const& limits = {});
Result<VideoInfo> probe_video(std::filesystem::path const& path,
                              DecodeLimits const& limits = {});

/// As probe_video, but the first damaged packet is an error, and so is a file
/// that ends before nine tenths of the duration that its container states.
Result<VideoInfo> verify_video(std::span<std::byte const> file,
                               DecodeLimits const& limits = {});
Result<VideoInfo> verify_video(std::filesystem::path const& path,
                               DecodeLimits const& limits = {});

}  // namespace gasm
