// SPDX-License-Identifier: Apache-2.0
#pragma once

// The only header that includes FFmpeg: what it owns here is always held by
// one of these handles.

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avstring.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace gasm::ffmpeg {

struct Deleter {
  void operator()(AVFrame* p) const { av_frame_free(&p); }
  void operator()(AVPacket* p) const { av_packet_free(&p); }
  void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
  void operator()(SwsContext* p) const { sws_freeContext(p); }
  void operator()(AVIOContext* p) const {
    // The demuxer may have replaced the buffer that it was given.
    av_freep(&p->buffer);
    avio_context_free(&p);
  }
};

template <class T>
using Handle = std::unique_ptr<T, Deleter>;

using Frame = Handle<AVFrame>;
using Packet = Handle<AVPacket>;
using CodecContext = Handle<AVCodecContext>;
using Scaler = Handle<SwsContext>;
using Io = Handle<AVIOContext>;

/// A demuxer's context. It does not own its Io, which must outlive it.
struct InputDeleter {
  void operator()(AVFormatContext* p) const { avformat_close_input(&p); }
};
using Input = std::unique_ptr<AVFormatContext, InputDeleter>;

/// A muxer's context. It does not own its Io either.
struct OutputDeleter {
  void operator()(AVFormatContext* p) const { avformat_free_context(p); }
};
using Output = std::unique_ptr<AVFormatContext, OutputDeleter>;

/// Options by name.
class Options {
 public:
  Options() = default;
  Options(Options const&) = delete;
  Options& operator=(Options const&) = delete;
  ~Options() { av_dict_free(&dictionary_); }
  void set(char const* key, std::string const& value) {
    av_dict_set(&dictionary_, key, value.c_str(), 0);
  }
  AVDictionary** get() { return &dictionary_; }

 private:
  AVDictionary* dictionary_ = nullptr;
};

/// The same options for each of some streams.
class StreamOptions {
 public:
  explicit StreamOptions(unsigned num_streams) : dictionaries_(num_streams) {}
  StreamOptions(StreamOptions const&) = delete;
  StreamOptions& operator=(StreamOptions const&) = delete;
  ~StreamOptions() {
    for (auto& dictionary : dictionaries_) av_dict_free(&dictionary);
  }
  void set(char const* key, std::int64_t value) {
    for (auto& dictionary : dictionaries_)
      av_dict_set_int(&dictionary, key, value, 0);
  }
  AVDictionary** get() { return dictionaries_.data(); }

 private:
  std::vector<AVDictionary*> dictionaries_;
};

Frame make_frame();
Packet make_packet();

/// FFmpeg's words for an error number, and the last complaint that this
/// thread's decoder or demuxer logged since clear_complaint(), if any.
std::string text(int error_number);
void clear_complaint();

/// Keeps FFmpeg from writing to standard error; thread-safe, runs once.
void quiet_logs();

}  // namespace gasm::ffmpeg
