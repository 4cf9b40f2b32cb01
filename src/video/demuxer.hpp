// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "gasm/base/result.hpp"
#include "gasm/video/decode_limits.hpp"
#include "handles.hpp"

namespace gasm {

/// The packets of the first video stream of a file in memory.
///
/// Opens no other file or address whatever the container asks for: only
/// demuxers that need none are let near the file. The deadline counts from
/// open() and is checked at every read.
class Demuxer {
 public:
  static Result<Demuxer> open(std::span<std::byte const> file,
                              DecodeLimits const& limits);

  /// Fills `packet` and returns true; false at the end of the file. With
  /// tolerant reading a file that cannot be read further has ended.
  enum class Reading { tolerant, strict };
  Result<bool> next(AVPacket& packet, Reading reading);

  /// An error if the deadline has passed.
  Result<void> check_deadline() const;

  AVStream const& stream() const { return *input_->streams[stream_index_]; }
  AVCodecParameters const& parameters() const { return *stream().codecpar; }
  char const* container() const { return input_->iformat->name; }
  std::optional<double> duration_s() const;
  /// Clockwise turn for display: 0, 90, 180, 270; an error for any other.
  Result<int> rotation_deg() const;
  DecodeLimits const& limits() const { return limits_; }

  /// Memory and a position in it, as FFmpeg reads it.
  struct Source {
    std::span<std::byte const> bytes;
    std::size_t position = 0;
    double deadline_s = 0.0;  ///< CPU seconds of the thread that opened it
  };

 private:
  Demuxer(DecodeLimits const& limits) : limits_(limits) {}
  Result<void> open_input();
  /// The container by the first bytes, or an error if it is none we read.
  Result<AVInputFormat const*> recognise();
  Result<void> pick_stream();
  Result<void> find_stream_info();
  /// Makes FFmpeg name all streams of a container that has no list of them.
  Result<void> find_late_streams();
  Result<void> check_size(int stream_index) const;

  DecodeLimits limits_;
  std::unique_ptr<Source> source_;
  ffmpeg::Io io_;  // freed after input_, which uses it to the last
  ffmpeg::Input input_;
  unsigned stream_index_ = 0;
  int num_packets_ = 0;
};

/// What a decoder must be told, so that it refuses larger frames before it
/// makes room for them. FFmpeg compares with the size of its padded buffers;
/// the frames that come out are compared with max_pixels exactly.
std::int64_t max_decoder_pixels(DecodeLimits const& limits);

/// The clockwise turn of a display matrix, or an error unless it is a pure
/// turn by a multiple of 90 degrees.
Result<int> rotation_of(std::int32_t const* display_matrix);

}  // namespace gasm
