// SPDX-License-Identifier: Apache-2.0
#include "gasm/video/video_info.hpp"

#include <algorithm>
#include <utility>

#include "colour.hpp"
#include "frame_reader.hpp"
#include "frame_scaler.hpp"
#include "source_file.hpp"

namespace gasm {
namespace {

/// First and last timestamp of the decoded frames.
class Clock {
 public:
  void tick(std::int64_t pts) {
    if (pts == AV_NOPTS_VALUE) return;
    first_ = num_ticks_ == 0 ? pts : std::min(first_, pts);
    last_ = num_ticks_ == 0 ? pts : std::max(last_, pts);
    ++num_ticks_;
  }
  /// Frames per second if every frame had a time, else 0.
  double fps(int num_frames, AVRational unit) const {
    // In doubles: a damaged file may have times further apart than 64 bits.
    double const ticks =
        static_cast<double>(last_) - static_cast<double>(first_);
    double const span_s = ticks * av_q2d(unit);
    if (num_ticks_ < 2 || num_ticks_ != num_frames || span_s <= 0) return 0;
    return (num_frames - 1) / span_s;
  }

 private:
  std::int64_t first_ = 0;
  std::int64_t last_ = 0;
  int num_ticks_ = 0;
};

Result<void> describe_frame(AVFrame const& frame, FrameReader const& reader,
                            VideoInfo& info) {
  auto const colour = colour_of(frame);
  if (!colour) return tl::unexpected(colour.error());
  auto const size = displayed_size(frame, reader.rotation_deg());
  char const* name =
      av_get_pix_fmt_name(static_cast<AVPixelFormat>(frame.format));
  info.pixel_format = name != nullptr ? name : "unknown";
  info.width = size.width;
  info.height = size.height;
  info.rotation_deg = reader.rotation_deg();
  info.matrix = colour->matrix;
  info.range = colour->range;
  return {};
}

void describe_stream(Demuxer const& demuxer, VideoInfo& info) {
  auto const& stream = demuxer.stream();
  info.container = demuxer.container();
  info.codec = avcodec_get_name(demuxer.parameters().codec_id);
  if (stream.nb_frames > 0) info.header_frames = stream.nb_frames;
  info.header_duration_s = demuxer.duration_s();
}

double header_fps(AVStream const& stream) {
  AVRational const rate = stream.avg_frame_rate.num > 0 ? stream.avg_frame_rate
                                                        : stream.r_frame_rate;
  return rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0.0;
}

Result<VideoInfo> examine(std::span<std::byte const> file,
                          DecodeLimits const& limits,
                          FrameReader::Reading reading) {
  FrameReader reader(limits, reading);
  if (auto opened = reader.open(file); !opened)
    return tl::unexpected(opened.error());
  VideoInfo info;
  Clock clock;
  while (true) {
    auto frame = reader.next();
    if (!frame) return tl::unexpected(frame.error());
    if (*frame == nullptr) break;
    clock.tick((*frame)->best_effort_timestamp);
    if (reader.num_frames() > 1) continue;
    if (auto done = describe_frame(**frame, reader, info); !done)
      return tl::unexpected(done.error());
  }
  if (reader.num_frames() == 0) return reader.nothing_decoded();
  describe_stream(reader.demuxer(), info);
  info.num_frames = reader.num_frames();
  info.num_corrupt_packets = reader.num_corrupt_packets();
  auto const& stream = reader.demuxer().stream();
  info.fps = clock.fps(info.num_frames, stream.time_base);
  if (info.fps <= 0) info.fps = header_fps(stream);
  return info;
}

template <class Examine>
Result<VideoInfo> examine_path(std::filesystem::path const& path,
                               DecodeLimits const& limits, Examine const& run) {
  auto const bytes = read_video(path, limits);
  if (!bytes) return tl::unexpected(bytes.error());
  auto info = run(*bytes, limits);
  if (!info) return at_path(path, info.error());
  return info;
}

}  // namespace

Result<VideoInfo> probe_video(std::span<std::byte const> file,
                              DecodeLimits const& limits) {
  return examine(file, limits, FrameReader::Reading::tolerant);
}

Result<VideoInfo> verify_video(std::span<std::byte const> file,
                               DecodeLimits const& limits) {
  auto info = examine(file, limits, FrameReader::Reading::strict);
  if (!info || info->fps <= 0 || !info->header_duration_s) return info;
  double const decoded_s = info->num_frames / info->fps;
  if (decoded_s < 0.9 * *info->header_duration_s)
    return failure(
        "video ends early ({} frames, {:.2f} s of the {:.2f} s that the header "
        "states). Try to fetch the file again",
        info->num_frames, decoded_s, *info->header_duration_s);
  return info;
}

Result<VideoInfo> probe_video(std::filesystem::path const& path,
                              DecodeLimits const& limits) {
  return examine_path(path, limits, [](auto const& bytes, auto const& l) {
    return probe_video(std::span<std::byte const>(bytes), l);
  });
}

Result<VideoInfo> verify_video(std::filesystem::path const& path,
                               DecodeLimits const& limits) {
  return examine_path(path, limits, [](auto const& bytes, auto const& l) {
    return verify_video(std::span<std::byte const>(bytes), l);
  });
}

}  // namespace gasm
