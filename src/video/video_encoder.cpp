// SPDX-License-Identifier: Apache-2.0
#include "gasm/video/video_encoder.hpp"

#include <cmath>
#include <cstring>
#include <new>
#include <string>

#include "handles.hpp"

namespace gasm {
namespace {

using Bytes = std::vector<std::byte>;

tl::unexpected<Error> ffmpeg_failure(char const* what, int status) {
  return failure("cannot {} ({})", what, ffmpeg::text(status));
}

Result<void> check(std::span<std::uint8_t const> rgb, int width, int height,
                   EncodeOptions const& options) {
  constexpr int max_side = 16383;
  if (width < 1 || height < 1 || width > max_side || height > max_side)
    return failure("cannot encode frames of {} x {} (1 .. {} is possible)",
                   width, height, max_side);
  auto const frame_bytes = std::size_t{3} * static_cast<std::size_t>(width) *
                           static_cast<std::size_t>(height);
  if (rgb.empty() || rgb.size() % frame_bytes != 0)
    return failure("{} bytes are no whole number of {} x {} RGB frames",
                   rgb.size(), width, height);
  int const max_cpu_used = options.effort == EncodeEffort::realtime ? 8 : 5;
  if (options.crf < 0 || options.crf > 63)
    return failure("crf = {} is out of range (0 .. 63)", options.crf);
  if (options.cpu_used < 0 || options.cpu_used > max_cpu_used)
    return failure("cpu_used = {} is out of range (0 .. {})", options.cpu_used,
                   max_cpu_used);
  if (!(options.fps > 0.01 && options.fps < 1000))
    return failure("fps = {} is out of range (0.01 .. 1000)", options.fps);
  return {};
}

/// Growing memory that a muxer can write to and seek in.
class MemorySink {
 public:
  MemorySink() {
    if (avio_open_dyn_buf(&io_) < 0) throw std::bad_alloc();
  }
  MemorySink(MemorySink const&) = delete;
  MemorySink& operator=(MemorySink const&) = delete;
  ~MemorySink() { (void)take(); }

  AVIOContext* io() { return io_; }
  Bytes take() {
    if (io_ == nullptr) return {};
    std::uint8_t* data = nullptr;
    int const size = avio_close_dyn_buf(io_, &data);
    io_ = nullptr;
    auto const* begin = reinterpret_cast<std::byte const*>(data);
    Bytes bytes(begin, begin + size);
    av_free(data);
    return bytes;
  }

 private:
  AVIOContext* io_ = nullptr;
};

class WebmEncoder {
 public:
  WebmEncoder(int width, int height, EncodeOptions const& options)
      : width_(width), height_(height), options_(options) {}

  Result<void> open() {
    auto done = open_codec();
    return done ? open_muxer() : done;
  }

  Result<void> add(std::uint8_t const* rgb) {
    // The encoder may still hold the buffers of the frame before.
    if (av_frame_make_writable(frame_.get()) < 0) throw std::bad_alloc();
    if (options_.fidelity == Fidelity::lossless) {
      split_planes(rgb);
    } else {
      int const stride = 3 * width_;
      sws_scale(to_yuv_.get(), &rgb, &stride, 0, height_, frame_->data,
                frame_->linesize);
    }
    frame_->pts = num_frames_++;
    return send(frame_.get());
  }

  Result<Bytes> finish() {
    if (auto done = send(nullptr); !done) return tl::unexpected(done.error());
    if (int const status = av_write_trailer(muxer_.get()); status < 0)
      return ffmpeg_failure("finish the webm file", status);
    avio_flush(sink_.io());
    return sink_.take();
  }

 private:
  bool is_lossless() const { return options_.fidelity == Fidelity::lossless; }

  Result<void> open_codec() {
    AVCodec const* const codec = avcodec_find_encoder_by_name("libvpx-vp9");
    if (codec == nullptr)
      return failure(
          "this FFmpeg cannot encode VP9 (built without libvpx). Try the "
          "Debian package libavcodec59 or an FFmpeg with --enable-libvpx");
    codec_.reset(avcodec_alloc_context3(codec));
    if (!codec_) throw std::bad_alloc();
    AVRational const rate = av_d2q(options_.fps, 100000);
    codec_->width = width_;
    codec_->height = height_;
    codec_->framerate = rate;
    codec_->time_base = av_inv_q(rate);
    codec_->thread_count = 1;
    codec_->bit_rate = 0;
    codec_->flags |= AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_GLOBAL_HEADER;
    codec_->pix_fmt = is_lossless() ? AV_PIX_FMT_GBRP : AV_PIX_FMT_YUV420P;
    codec_->colorspace = is_lossless() ? AVCOL_SPC_RGB : AVCOL_SPC_SMPTE170M;
    codec_->color_range = is_lossless() ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    ffmpeg::Options settings;
    settings.set("deadline", options_.effort == EncodeEffort::realtime
                                 ? "realtime"
                                 : "good");
    settings.set("cpu-used", std::to_string(options_.cpu_used));
    settings.set("auto-alt-ref", "0");
    settings.set("lag-in-frames", "0");
    if (is_lossless())
      settings.set("lossless", "1");
    else
      settings.set("crf", std::to_string(options_.crf));
    int const status = avcodec_open2(codec_.get(), codec, settings.get());
    if (status < 0) return ffmpeg_failure("start libvpx", status);
    return open_frame();
  }

  Result<void> open_frame() {
    frame_ = ffmpeg::make_frame();
    frame_->width = width_;
    frame_->height = height_;
    frame_->format = codec_->pix_fmt;
    frame_->colorspace = codec_->colorspace;
    frame_->color_range = codec_->color_range;
    if (av_frame_get_buffer(frame_.get(), 0) < 0) throw std::bad_alloc();
    if (is_lossless()) return {};
    to_yuv_.reset(sws_getContext(
        width_, height_, AV_PIX_FMT_RGB24, width_, height_, AV_PIX_FMT_YUV420P,
        SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP, nullptr, nullptr,
        nullptr));
    if (!to_yuv_)
      return failure("cannot convert {} x {} frames to YUV", width_, height_);
    int const* const bt601 = sws_getCoefficients(SWS_CS_ITU601);
    sws_setColorspaceDetails(to_yuv_.get(), bt601, 1, bt601, 0, 0, 1 << 16,
                             1 << 16);
    return {};
  }

  Result<void> open_muxer() {
    AVFormatContext* muxer = nullptr;
    int status =
        avformat_alloc_output_context2(&muxer, nullptr, "webm", nullptr);
    if (status < 0) return ffmpeg_failure("make a webm file", status);
    muxer_.reset(muxer);
    muxer->pb = sink_.io();
    muxer->flags |= AVFMT_FLAG_BITEXACT;
    stream_ = avformat_new_stream(muxer, nullptr);
    if (stream_ == nullptr) throw std::bad_alloc();
    avcodec_parameters_from_context(stream_->codecpar, codec_.get());
    stream_->time_base = codec_->time_base;
    stream_->avg_frame_rate = codec_->framerate;
    status = avformat_write_header(muxer, nullptr);
    if (status < 0) return ffmpeg_failure("write the webm header", status);
    return {};
  }

  void split_planes(std::uint8_t const* rgb) {
    for (int row = 0; row < height_; ++row) {
      std::uint8_t* const g = frame_->data[0] + row * frame_->linesize[0];
      std::uint8_t* const b = frame_->data[1] + row * frame_->linesize[1];
      std::uint8_t* const r = frame_->data[2] + row * frame_->linesize[2];
      for (int x = 0; x < width_; ++x, rgb += 3) {
        r[x] = rgb[0];
        g[x] = rgb[1];
        b[x] = rgb[2];
      }
    }
  }

  /// Sends a frame (null: the end) and writes every packet that is ready.
  Result<void> send(AVFrame const* frame) {
    int status = avcodec_send_frame(codec_.get(), frame);
    while (status >= 0) {
      status = avcodec_receive_packet(codec_.get(), packet_.get());
      if (status == AVERROR(EAGAIN) || status == AVERROR_EOF) return {};
      if (status < 0) break;
      packet_->duration = 1;
      av_packet_rescale_ts(packet_.get(), codec_->time_base,
                           stream_->time_base);
      packet_->stream_index = stream_->index;
      status = av_write_frame(muxer_.get(), packet_.get());
      av_packet_unref(packet_.get());
    }
    return ffmpeg_failure("encode a frame", status);
  }

  int width_;
  int height_;
  EncodeOptions options_;
  std::int64_t num_frames_ = 0;
  MemorySink sink_;  // outlives muxer_, which writes to it
  ffmpeg::CodecContext codec_;
  ffmpeg::Output muxer_;
  AVStream* stream_ = nullptr;
  ffmpeg::Scaler to_yuv_;
  ffmpeg::Frame frame_;
  ffmpeg::Packet packet_ = ffmpeg::make_packet();
};

}  // namespace

Result<Bytes> encode_vp9_webm(std::span<std::uint8_t const> rgb, int width,
                              int height, EncodeOptions const& options) {
  ffmpeg::quiet_logs();
  ffmpeg::clear_complaint();
  if (auto good = check(rgb, width, height, options); !good)
    return tl::unexpected(good.error());
  WebmEncoder encoder(width, height, options);
  if (auto opened = encoder.open(); !opened)
    return tl::unexpected(opened.error());
  auto const frame_bytes = std::size_t{3} * static_cast<std::size_t>(width) *
                           static_cast<std::size_t>(height);
  for (std::size_t at = 0; at < rgb.size(); at += frame_bytes)
    if (auto added = encoder.add(rgb.data() + at); !added)
      return tl::unexpected(added.error());
  return encoder.finish();
}

}  // namespace gasm
