// SPDX-License-Identifier: Apache-2.0
#include "gasm/video/png.hpp"

#include <cstring>
#include <new>

#include "handles.hpp"

namespace gasm {
namespace {

constexpr int kMaxSide = 32768;

tl::unexpected<Error> png_failure(char const* what, int status) {
  return failure("cannot {} (PNG, {})", what, ffmpeg::text(status));
}

Result<ffmpeg::CodecContext> open_codec(int width, int height) {
  AVCodec const* const codec = avcodec_find_encoder(AV_CODEC_ID_PNG);
  if (codec == nullptr)
    return failure(
        "this FFmpeg cannot write PNG (built without zlib). Try the Debian "
        "package libavcodec59");
  ffmpeg::CodecContext context(avcodec_alloc_context3(codec));
  if (!context) throw std::bad_alloc();
  context->width = width;
  context->height = height;
  context->pix_fmt = AV_PIX_FMT_RGB24;
  context->time_base = {1, 1};
  context->thread_count = 1;
  if (int const status = avcodec_open2(context.get(), codec, nullptr);
      status < 0)
    return png_failure("start the encoder", status);
  return context;
}

ffmpeg::Frame frame_of(std::span<std::uint8_t const> rgb, int width,
                       int height) {
  auto frame = ffmpeg::make_frame();
  frame->width = width;
  frame->height = height;
  frame->format = AV_PIX_FMT_RGB24;
  if (av_frame_get_buffer(frame.get(), 0) < 0) throw std::bad_alloc();
  auto const row_bytes = static_cast<std::size_t>(width) * 3;
  for (int row = 0; row < height; ++row)
    std::memcpy(frame->data[0] + row * frame->linesize[0],
                rgb.data() + static_cast<std::size_t>(row) * row_bytes,
                row_bytes);
  return frame;
}

}  // namespace

Result<std::vector<std::byte>> encode_png(std::span<std::uint8_t const> rgb,
                                          int width, int height) {
  ffmpeg::quiet_logs();
  if (width < 1 || height < 1 || width > kMaxSide || height > kMaxSide)
    return failure("cannot write a picture of {} x {} (1 .. {} is possible)",
                   width, height, kMaxSide);
  if (rgb.size() != std::size_t{3} * static_cast<std::size_t>(width) *
                        static_cast<std::size_t>(height))
    return failure("{} bytes are no picture of {} x {} RGB pixels", rgb.size(),
                   width, height);
  auto codec = open_codec(width, height);
  if (!codec) return tl::unexpected(codec.error());
  auto const frame = frame_of(rgb, width, height);
  auto packet = ffmpeg::make_packet();
  int status = avcodec_send_frame(codec->get(), frame.get());
  if (status >= 0) status = avcodec_receive_packet(codec->get(), packet.get());
  if (status < 0) return png_failure("encode the picture", status);
  auto const* const bytes = reinterpret_cast<std::byte const*>(packet->data);
  return std::vector<std::byte>(bytes, bytes + packet->size);
}

}  // namespace gasm
