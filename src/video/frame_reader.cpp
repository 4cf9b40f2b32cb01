// SPDX-License-Identifier: Apache-2.0
#include "frame_reader.hpp"

#include <cstring>
#include <new>
#include <utility>

namespace gasm {

FrameReader::FrameReader(DecodeLimits const& limits, Reading reading)
    : limits_(limits),
      reading_(reading),
      packet_(ffmpeg::make_packet()),
      fresh_(ffmpeg::make_frame()),
      last_(ffmpeg::make_frame()) {}

Result<void> FrameReader::open(std::span<std::byte const> file) {
  bool const was_clean = num_corrupt_packets_ == 0;
  num_frames_ = 0;
  num_corrupt_packets_ = 0;
  is_draining_ = false;
  last_problem_.clear();
  demuxer_.reset();
  if (!was_clean) codec_.reset();
  auto demuxer = Demuxer::open(file, limits_);
  if (!demuxer) return tl::unexpected(demuxer.error());
  demuxer_.emplace(*std::move(demuxer));
  auto rotation = demuxer_->rotation_deg();
  if (!rotation) return tl::unexpected(rotation.error());
  rotation_deg_ = *rotation;
  return open_codec();
}

/// Only for VP9, whose state begins anew with the first key frame. Others
/// learn as they go (H.264 its reordering depth), and what one file taught
/// must not change the next.
bool FrameReader::can_reuse_codec() const {
  if (!codec_) return false;
  auto const& p = demuxer_->parameters();
  return p.codec_id == AV_CODEC_ID_VP9 && codec_->codec_id == p.codec_id &&
         codec_->width == p.width && codec_->height == p.height &&
         codec_->extradata_size == p.extradata_size &&
         (p.extradata_size == 0 ||
          std::memcmp(codec_->extradata, p.extradata,
                      static_cast<std::size_t>(p.extradata_size)) == 0);
}

Result<void> FrameReader::open_codec() {
  if (can_reuse_codec()) {
    avcodec_flush_buffers(codec_.get());
    return {};
  }
  auto const& parameters = demuxer_->parameters();
  AVCodec const* const codec = avcodec_find_decoder(parameters.codec_id);
  if (codec == nullptr)
    return failure("this FFmpeg has no decoder for codec {}",
                   avcodec_get_name(parameters.codec_id));
  codec_.reset(avcodec_alloc_context3(codec));
  if (!codec_) throw std::bad_alloc();
  int status = avcodec_parameters_to_context(codec_.get(), &parameters);
  codec_->thread_count = 1;
  codec_->max_pixels = max_decoder_pixels(limits_);
  codec_->pkt_timebase = demuxer_->stream().time_base;
  if (reading_ == Reading::strict) codec_->err_recognition |= AV_EF_EXPLODE;
  if (status >= 0) status = avcodec_open2(codec_.get(), codec, nullptr);
  if (status >= 0) return {};
  codec_.reset();
  return failure("cannot start the {} decoder ({})", codec->name,
                 ffmpeg::text(status));
}

Result<void> FrameReader::note_damage(int status) {
  ++num_corrupt_packets_;
  last_problem_ = ffmpeg::text(status);
  if (reading_ == Reading::tolerant) return {};
  return failure("damaged video after frame {} ({})", num_frames_,
                 last_problem_);
}

Result<void> FrameReader::send_next_packet() {
  auto more = demuxer_->next(*packet_, reading_);
  if (!more) return tl::unexpected(more.error());
  is_draining_ = !*more;
  int const status =
      avcodec_send_packet(codec_.get(), *more ? packet_.get() : nullptr);
  if (status < 0 && status != AVERROR_EOF) return note_damage(status);
  return {};
}

Result<void> FrameReader::note_frame() {
  std::swap(fresh_, last_);
  ++num_frames_;
  if (num_frames_ > limits_.max_frames)
    return failure("too many frames (limit max_frames = {})",
                   limits_.max_frames);
  if (std::int64_t{last_->width} * last_->height > limits_.max_pixels)
    return failure("frames of {} x {} refused (limit max_pixels = {})",
                   last_->width, last_->height, limits_.max_pixels);
  if (num_frames_ > 1 || rotation_deg_ != 0) return {};
  auto const* side =
      av_frame_get_side_data(last_.get(), AV_FRAME_DATA_DISPLAYMATRIX);
  if (side == nullptr || side->size < 9 * sizeof(std::int32_t)) return {};
  auto turn = rotation_of(reinterpret_cast<std::int32_t const*>(side->data));
  if (!turn) return tl::unexpected(turn.error());
  rotation_deg_ = *turn;
  return {};
}

tl::unexpected<Error> FrameReader::nothing_decoded() const {
  return failure("no frame can be decoded ({} packets refused{}{})",
                 num_corrupt_packets_, last_problem_.empty() ? "" : "; ",
                 last_problem_);
}

Result<AVFrame const*> FrameReader::next() {
  while (true) {
    int const status = avcodec_receive_frame(codec_.get(), fresh_.get());
    if (status == 0) {
      if (auto done = note_frame(); !done) return tl::unexpected(done.error());
      return last_.get();
    }
    // Once draining, whatever is not a frame is the end: never ask forever.
    if (status == AVERROR_EOF || (is_draining_ && status == AVERROR(EAGAIN)))
      return nullptr;
    if (status != AVERROR(EAGAIN)) {
      if (auto go_on = note_damage(status); !go_on)
        return tl::unexpected(go_on.error());
      if (is_draining_) return nullptr;
    }
    if (auto sent = send_next_packet(); !sent)
      return tl::unexpected(sent.error());
  }
}

}  // namespace gasm
