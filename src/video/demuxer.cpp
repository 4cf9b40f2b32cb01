// SPDX-License-Identifier: Apache-2.0
#include "demuxer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "gasm/base/clock.hpp"

namespace gasm {
namespace {

constexpr int kIoBufferBytes = 1 << 16;
constexpr unsigned kMaxRecognitionBytes = 1 << 20;  // what FFmpeg takes

int read_source(void* opaque, std::uint8_t* buffer, int size) {
  auto& source = *static_cast<Demuxer::Source*>(opaque);
  if (thread_cpu_s() > source.deadline_s) return AVERROR_EXIT;
  auto const left = source.bytes.size() - source.position;
  auto const count = std::min(left, static_cast<std::size_t>(size));
  if (count == 0) return AVERROR_EOF;
  std::memcpy(buffer, source.bytes.data() + source.position, count);
  source.position += count;
  return static_cast<int>(count);
}

std::int64_t seek_source(void* opaque, std::int64_t offset, int whence) {
  auto& source = *static_cast<Demuxer::Source*>(opaque);
  auto const size = static_cast<std::int64_t>(source.bytes.size());
  if (whence & AVSEEK_SIZE) return size;
  std::int64_t base = 0;
  if ((whence & 3) == SEEK_CUR)
    base = static_cast<std::int64_t>(source.position);
  if ((whence & 3) == SEEK_END) base = size;
  // Positions past the end are legal for a seek; the read then finds nothing.
  if (offset < -base || offset > (std::int64_t{1} << 62) - base)
    return AVERROR(EINVAL);
  source.position = static_cast<std::size_t>(std::min(base + offset, size));
  return base + offset;
}

/// For the waits within FFmpeg that call neither function above.
int is_late(void* opaque) {
  return thread_cpu_s() > static_cast<Demuxer::Source*>(opaque)->deadline_s;
}

int refuse_to_open(AVFormatContext*, AVIOContext**, char const*, int,
                   AVDictionary**) {
  return AVERROR(EPERM);
}

bool is_matroska(std::span<std::byte const> file) {
  constexpr std::array<unsigned char, 4> ebml{0x1a, 0x45, 0xdf, 0xa3};
  return file.size() >= ebml.size() &&
         std::memcmp(file.data(), ebml.data(), ebml.size()) == 0;
}

/// The demuxers that may see a file: all read a container from start to end.
/// FFmpeg has others that open addresses (sdp, rtsp) or further files (concat,
/// hls, dash), some without asking io_open, and that make a video of a picture
/// or a text.
constexpr char const* kContainers =
    "matroska,webm,mov,mp4,avi,asf,flv,gif,ivf,ogg,mpeg,mpegts,mpegvideo,m4v,"
    "h264,hevc,nut,yuv4mpegpipe";

/// A list of names as an option of FFmpeg, which frees it.
char* owned(char const* names) {
  char* const copy = av_strdup(names);
  if (copy == nullptr) throw std::bad_alloc();
  return copy;
}

/// Whether the header alone says all that the decoder needs. Everything else
/// needs avformat_find_stream_info, which costs seven times the open.
bool has_complete_header(AVFormatContext const& input,
                         AVCodecParameters const& parameters) {
  return std::string_view(input.iformat->name) == "matroska,webm" &&
         (parameters.codec_id == AV_CODEC_ID_VP9 ||
          parameters.codec_id == AV_CODEC_ID_VP8) &&
         parameters.width > 0 && parameters.height > 0;
}

int first_video_stream(AVFormatContext const& input) {
  for (unsigned i = 0; i < input.nb_streams; ++i) {
    AVStream const& stream = *input.streams[i];
    if (stream.codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
        !(stream.disposition & AV_DISPOSITION_ATTACHED_PIC))
      return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

Result<Demuxer> Demuxer::open(std::span<std::byte const> file,
                              DecodeLimits const& limits) {
  ffmpeg::quiet_logs();
  ffmpeg::clear_complaint();
  if (file.empty()) return failure("not a video (the file is empty)");
  if (static_cast<std::int64_t>(file.size()) > limits.max_file_bytes)
    return failure("video of {} bytes refused (limit max_file_bytes = {})",
                   file.size(), limits.max_file_bytes);
  Demuxer demuxer(limits);
  demuxer.source_ = std::make_unique<Source>(
      Source{file, 0, thread_cpu_s() + limits.deadline_s});
  if (auto done = demuxer.open_input(); !done)
    return tl::unexpected(done.error());
  if (auto done = demuxer.pick_stream(); !done)
    return tl::unexpected(done.error());
  return demuxer;
}

Result<void> Demuxer::open_input() {
  auto* buffer = static_cast<std::uint8_t*>(av_malloc(kIoBufferBytes));
  if (buffer == nullptr) throw std::bad_alloc();
  io_.reset(avio_alloc_context(buffer, kIoBufferBytes, 0, source_.get(),
                               read_source, nullptr, seek_source));
  if (!io_) {
    av_free(buffer);
    throw std::bad_alloc();
  }
  auto const format = recognise();
  if (!format) return tl::unexpected(format.error());
  AVFormatContext* input = avformat_alloc_context();
  if (input == nullptr) throw std::bad_alloc();
  input_.reset(input);
  input->pb = io_.get();
  input->flags |= AVFMT_FLAG_CUSTOM_IO;
  input->io_open = refuse_to_open;
  input->interrupt_callback = {is_late, source_.get()};
  input->protocol_whitelist = owned("none");
  input->format_whitelist = owned(kContainers);
  input->probesize = limits_.max_probe_bytes;
  input->max_probe_packets = 100;
  input->max_streams = limits_.max_streams;
  // On failure this frees `input`, but leaves the Io to us.
  input = input_.release();
  int const status = avformat_open_input(&input, nullptr, *format, nullptr);
  if (status < 0) {
    if (auto late = check_deadline(); !late) return late;
    return failure("not a readable video ({})", ffmpeg::text(status));
  }
  input_.reset(input);
  return {};
}

Result<AVInputFormat const*> Demuxer::recognise() {
  AVInputFormat const* format = nullptr;
  if (is_matroska(source_->bytes)) format = av_find_input_format("matroska");
  if (format != nullptr) return format;
  int const status = av_probe_input_buffer2(io_.get(), &format, "", nullptr, 0,
                                            kMaxRecognitionBytes);
  if (auto late = check_deadline(); !late) return tl::unexpected(late.error());
  if (status < 0)
    return failure("not a readable video ({})", ffmpeg::text(status));
  if (av_match_list(format->name, kContainers, ',') <= 0)
    return failure(
        "not a video (recognised as {}). Try a WebM, Matroska, MP4 or AVI file",
        format->name);
  return format;
}

Result<void> Demuxer::pick_stream() {
  int index = first_video_stream(*input_);
  if (index < 0 ||
      !has_complete_header(*input_, *input_->streams[index]->codecpar)) {
    if (auto done = find_stream_info(); !done) return done;
    index = first_video_stream(*input_);
  }
  if (index < 0)
    return failure("no video stream in the file (container {}, {} streams)",
                   container(), input_->nb_streams);
  stream_index_ = static_cast<unsigned>(index);
  for (unsigned i = 0; i < input_->nb_streams; ++i)
    if (i != stream_index_) input_->streams[i]->discard = AVDISCARD_ALL;
  return check_size(index);
}

/// This decodes. It tells the decoders of the streams that exist at the call
/// what we pass, and those of later ones nothing.
Result<void> Demuxer::find_stream_info() {
  if (input_->ctx_flags & AVFMTCTX_NOHEADER)
    if (auto done = find_late_streams(); !done) return done;
  if (int const index = first_video_stream(*input_); index >= 0)
    if (auto fits = check_size(index); !fits) return fits;
  ffmpeg::StreamOptions options(input_->nb_streams);
  options.set("max_pixels", max_decoder_pixels(limits_));
  int const status = avformat_find_stream_info(input_.get(), options.get());
  if (auto late = check_deadline(); !late) return late;
  if (status < 0)
    return failure("cannot find the video stream ({})", ffmpeg::text(status));
  return {};
}

Result<void> Demuxer::find_late_streams() {
  auto packet = ffmpeg::make_packet();
  while (av_read_frame(input_.get(), packet.get()) >= 0) {
    av_packet_unref(packet.get());
    if (auto late = check_deadline(); !late) return late;
  }
  if (auto late = check_deadline(); !late) return late;
  int const status = av_seek_frame(input_.get(), -1, 0, AVSEEK_FLAG_BYTE);
  if (status < 0)
    return failure("cannot find the video stream ({})", ffmpeg::text(status));
  return {};
}

Result<void> Demuxer::check_size(int stream_index) const {
  auto const& video = *input_->streams[stream_index]->codecpar;
  if (std::int64_t{video.width} * video.height <= limits_.max_pixels) return {};
  return failure("frames of {} x {} refused (limit max_pixels = {})",
                 video.width, video.height, limits_.max_pixels);
}

Result<void> Demuxer::check_deadline() const {
  if (thread_cpu_s() <= source_->deadline_s) return {};
  return failure("decoding took too long (limit deadline_s = {})",
                 limits_.deadline_s);
}

Result<bool> Demuxer::next(AVPacket& packet, Reading reading) {
  while (true) {
    if (auto late = check_deadline(); !late)
      return tl::unexpected(late.error());
    av_packet_unref(&packet);
    int const status = av_read_frame(input_.get(), &packet);
    if (status < 0) {
      if (auto late = check_deadline(); !late)
        return tl::unexpected(late.error());
      if (status == AVERROR_EOF || reading == Reading::tolerant) return false;
      return failure("damaged container after {} packets ({})", num_packets_,
                     ffmpeg::text(status));
    }
    if (packet.stream_index != static_cast<int>(stream_index_)) continue;
    if (++num_packets_ > limits_.max_packets)
      return failure("too many packets (limit max_packets = {})",
                     limits_.max_packets);
    return true;
  }
}

std::optional<double> Demuxer::duration_s() const {
  auto const& video = stream();
  if (video.duration != AV_NOPTS_VALUE && video.duration > 0)
    return static_cast<double>(video.duration) * av_q2d(video.time_base);
  if (input_->duration != AV_NOPTS_VALUE && input_->duration > 0)
    return static_cast<double>(input_->duration) / AV_TIME_BASE;
  return std::nullopt;
}

std::int64_t max_decoder_pixels(DecodeLimits const& limits) {
  return 2 * limits.max_pixels + (1 << 20);
}

Result<int> rotation_of(std::int32_t const* m) {
  double const angle_deg = -av_display_rotation_get(m);
  auto const quarters = std::lround(angle_deg / 90.0);
  bool const is_mirrored =
      double(m[0]) * double(m[4]) - double(m[1]) * double(m[3]) < 0;
  if (std::isnan(angle_deg) || is_mirrored ||
      std::abs(angle_deg - 90.0 * static_cast<double>(quarters)) > 0.5)
    return failure(
        "display matrix refused (a turn by {} degrees{}; only multiples of "
        "90). Try re-encoding the video upright",
        angle_deg, is_mirrored ? ", mirrored" : "");
  return static_cast<int>(((quarters % 4) + 4) % 4 * 90);
}

Result<int> Demuxer::rotation_deg() const {
  std::uint8_t const* matrix = nullptr;
#if LIBAVCODEC_VERSION_MAJOR >= 61
  auto const* side = av_packet_side_data_get(parameters().coded_side_data,
                                             parameters().nb_coded_side_data,
                                             AV_PKT_DATA_DISPLAYMATRIX);
  if (side != nullptr && side->size >= 9 * sizeof(std::int32_t))
    matrix = side->data;
#else
  std::size_t size = 0;
  matrix = av_stream_get_side_data(&stream(), AV_PKT_DATA_DISPLAYMATRIX, &size);
  if (size < 9 * sizeof(std::int32_t)) matrix = nullptr;
#endif
  if (matrix == nullptr) return 0;
  std::array<std::int32_t, 9> values{};
  std::memcpy(values.data(), matrix, sizeof(values));
  return rotation_of(values.data());
}

}  // namespace gasm
