// SPDX-License-Identifier: Apache-2.0
#include "gasm/video/video_outline.hpp"

#include <algorithm>
#include <cstdint>

#include "demuxer.hpp"
#include "vp9_packets.hpp"

namespace gasm {
namespace {

/// First and last time of the packets that hold a frame.
struct PacketTimes {
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::int64_t num_frames = 0;
  bool are_complete = true;

  void add(std::int64_t pts) {
    if (pts == AV_NOPTS_VALUE) {
      are_complete = false;
      return;
    }
    first = num_frames == 0 ? pts : std::min(first, pts);
    last = num_frames == 0 ? pts : std::max(last, pts);
    ++num_frames;
  }
  double fps(AVRational unit) const {
    double const span_s = static_cast<double>(last - first) * av_q2d(unit);
    if (!are_complete || num_frames < 2 || span_s <= 0) return 0;
    return static_cast<double>(num_frames - 1) / span_s;
  }
};

double header_fps(AVStream const& stream) {
  AVRational const rate = stream.avg_frame_rate.num > 0 ? stream.avg_frame_rate
                                                        : stream.r_frame_rate;
  return rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0.0;
}

}  // namespace

Result<VideoOutline> outline_video(std::span<std::byte const> file,
                                   DecodeLimits const& limits) {
  auto demuxer = Demuxer::open(file, limits);
  if (!demuxer) return tl::unexpected(demuxer.error());
  bool const is_vp9 = demuxer->parameters().codec_id == AV_CODEC_ID_VP9;
  auto packet = ffmpeg::make_packet();
  PacketTimes times;
  while (true) {
    auto more = demuxer->next(*packet, Demuxer::Reading::tolerant);
    if (!more) return tl::unexpected(more.error());
    if (!*more) break;
    if (is_vp9 &&
        !shows_frame({packet->data, static_cast<std::size_t>(packet->size)}))
      continue;
    times.add(packet->pts);
  }
  VideoOutline outline;
  outline.codec = avcodec_get_name(demuxer->parameters().codec_id);
  outline.fps = times.fps(demuxer->stream().time_base);
  if (outline.fps <= 0) outline.fps = header_fps(demuxer->stream());
  return outline;
}

}  // namespace gasm
