// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "demuxer.hpp"
#include "gasm/base/result.hpp"
#include "gasm/video/decode_limits.hpp"
#include "handles.hpp"

namespace gasm {

/// The frames of one file after the other, in display order, one file at a
/// time; packet, frames and (where that is safe) the codec are kept between
/// files.
class FrameReader {
 public:
  /// tolerant: damaged packets are counted and skipped. strict: they are
  /// errors.
  using Reading = Demuxer::Reading;
  FrameReader(DecodeLimits const& limits, Reading reading);

  /// Starts on a file; `file` must stay until close().
  Result<void> open(std::span<std::byte const> file);
  void close() { demuxer_.reset(); }

  /// The next frame, valid until the next call; null at the end.
  Result<AVFrame const*> next();
  /// The frame of the last next() that gave one; null if none did.
  AVFrame const* last() const {
    return num_frames_ > 0 ? last_.get() : nullptr;
  }

  int num_frames() const { return num_frames_; }
  int num_corrupt_packets() const { return num_corrupt_packets_; }
  /// The error of a file that ended without any frame.
  tl::unexpected<Error> nothing_decoded() const;
  /// Clockwise turn for display; known after the first frame.
  int rotation_deg() const { return rotation_deg_; }
  Demuxer const& demuxer() const { return *demuxer_; }

 private:
  Result<void> open_codec();
  bool can_reuse_codec() const;
  Result<void> send_next_packet();
  Result<void> note_damage(int status);
  Result<void> note_frame();

  DecodeLimits limits_;
  Reading reading_;
  std::optional<Demuxer> demuxer_;
  ffmpeg::CodecContext codec_;
  ffmpeg::Packet packet_;
  ffmpeg::Frame fresh_;
  ffmpeg::Frame last_;
  std::string last_problem_;
  int rotation_deg_ = 0;
  int num_frames_ = 0;
  int num_corrupt_packets_ = 0;
  bool is_draining_ = false;
};

}  // namespace gasm
