// SPDX-License-Identifier: Apache-2.0
#include "gasm/video/video_decoder.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "demuxer.hpp"
#include "frame_reader.hpp"
#include "frame_scaler.hpp"
#include "gasm/base/clock.hpp"
#include "source_file.hpp"
#include "vp9_packets.hpp"

namespace gasm {
namespace {

/// One wanted frame: its index in the file and its place in the result.
struct Wish {
  int index;
  std::size_t place;
};

Result<std::vector<Wish>> sorted_wishes(std::span<int const> indices,
                                        DecodeLimits const& limits) {
  if (indices.empty()) return failure("no frames were asked for");
  std::vector<Wish> wishes;
  wishes.reserve(indices.size());
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < 0 || indices[i] >= limits.max_frames)
      return failure("frame index {} is out of range (0 .. {}: max_frames)",
                     indices[i], limits.max_frames - 1);
    wishes.push_back({indices[i], i});
  }
  std::sort(wishes.begin(), wishes.end(), [](Wish const& a, Wish const& b) {
    return std::pair(a.index, a.place) < std::pair(b.index, b.place);
  });
  return wishes;
}

/// Where the result goes: to memory of the caller, or to a block's own.
struct Target {
  std::span<std::uint8_t> given;
  bool is_given = false;
};

}  // namespace

class VideoDecoder::Impl {
 public:
  explicit Impl(DecodeLimits const& limits)
      : limits_(limits), reader_(limits, FrameReader::Reading::tolerant) {}

  Result<FrameBlock> decode(std::span<std::byte const> file,
                            std::span<int const> indices,
                            Resample const& resample, Target target) {
    auto const wishes = sorted_wishes(indices, limits_);
    if (!wishes) return tl::unexpected(wishes.error());
    if (auto opened = reader_.open(file); !opened)
      return tl::unexpected(opened.error());
    auto block = collect(*wishes, resample, target);
    reader_.close();
    return block;
  }

  Result<int> count_frames(std::span<std::byte const> file) {
    auto demuxer = Demuxer::open(file, limits_);
    if (!demuxer) return tl::unexpected(demuxer.error());
    if (demuxer->parameters().codec_id != AV_CODEC_ID_VP9) {
      auto const info = probe_video(file, limits_);
      if (!info) return tl::unexpected(info.error());
      return info->num_frames;
    }
    auto packet = ffmpeg::make_packet();
    int count = 0;
    while (true) {
      auto more = demuxer->next(*packet, Demuxer::Reading::tolerant);
      if (!more) return tl::unexpected(more.error());
      if (!*more) break;
      count +=
          shows_frame({packet->data, static_cast<std::size_t>(packet->size)});
    }
    if (count == 0) return failure("no frame in the file (VP9)");
    return count;
  }

  DecodeLimits const& limits() const { return limits_; }

 private:
  /// Decodes until every wish is met or the file ends.
  Result<FrameBlock> collect(std::vector<Wish> const& wishes,
                             Resample const& resample, Target target) {
    FrameBlock block;
    block.num_frames = static_cast<int>(wishes.size());
    std::uint8_t* bytes = nullptr;
    auto wish = wishes.begin();
    while (wish != wishes.end()) {
      auto frame = reader_.next();
      if (!frame) return tl::unexpected(frame.error());
      bool const is_end = *frame == nullptr;
      if (is_end && reader_.last() == nullptr) return reader_.nothing_decoded();
      if (bytes == nullptr) {
        auto prepared = prepare(resample, target, block);
        if (!prepared) return tl::unexpected(prepared.error());
        bytes = *prepared;
      }
      auto const last_index = reader_.num_frames() - 1;
      if (!is_end && last_index != wish->index) continue;
      auto const past = is_end ? wishes.end()
                               : std::find_if(wish, wishes.end(), [&](auto& w) {
                                   return w.index != last_index;
                                 });
      if (is_end) block.num_missing = static_cast<int>(past - wish);
      if (auto done = place(wish, past, resample, block, bytes); !done)
        return tl::unexpected(done.error());
      wish = past;
    }
    block.num_corrupt_packets = reader_.num_corrupt_packets();
    return block;
  }

  /// Settles the size of the result by the first frame, and its memory.
  Result<std::uint8_t*> prepare(Resample const& resample, Target target,
                                FrameBlock& block) {
    first_ = displayed_size(*reader_.last(), reader_.rotation_deg());
    auto const out = output_size(first_, resample);
    if (!out) return tl::unexpected(out.error());
    block.width = out->width;
    block.height = out->height;
    auto const size =
        block.frame_bytes() * static_cast<std::size_t>(block.num_frames);
    if (!target.is_given) {
      block.rgb.resize(size);
      return block.rgb.data();
    }
    if (target.given.size() != size)
      return failure("room for {} bytes, but {} frames of {} x {} need {}",
                     target.given.size(), block.num_frames, block.width,
                     block.height, size);
    return target.given.data();
  }

  /// Converts the last frame once and copies it to every place that wants it.
  template <class Iterator>
  Result<void> place(Iterator wish, Iterator past, Resample const& resample,
                     FrameBlock& block, std::uint8_t* bytes) {
    double const start_s = monotonic_s();
    auto const frame_bytes = block.frame_bytes();
    auto* const original = bytes + wish->place * frame_bytes;
    auto done =
        scaler_.convert(*reader_.last(), reader_.rotation_deg(), first_,
                        resample, {block.width, block.height}, original);
    if (!done) return done;
    for (++wish; wish != past; ++wish)
      std::memcpy(bytes + wish->place * frame_bytes, original, frame_bytes);
    block.scale_s += monotonic_s() - start_s;
    return {};
  }

  DecodeLimits limits_;
  FrameReader reader_;
  FrameScaler scaler_;
  FrameSize first_;
};

VideoDecoder::VideoDecoder(DecodeLimits const& limits)
    : impl_(std::make_unique<Impl>(limits)) {}
VideoDecoder::~VideoDecoder() = default;
VideoDecoder::VideoDecoder(VideoDecoder&&) noexcept = default;
VideoDecoder& VideoDecoder::operator=(VideoDecoder&&) noexcept = default;

Result<FrameBlock> VideoDecoder::decode(std::span<std::byte const> file,
                                        std::span<int const> indices,
                                        Resample const& resample) {
  return impl_->decode(file, indices, resample, {});
}

Result<FrameBlock> VideoDecoder::decode(std::filesystem::path const& path,
                                        std::span<int const> indices,
                                        Resample const& resample) {
  auto const bytes = read_video(path, impl_->limits());
  if (!bytes) return tl::unexpected(bytes.error());
  auto block = decode(std::span<std::byte const>(*bytes), indices, resample);
  if (!block) return at_path(path, block.error());
  return block;
}

Result<FrameBlock> VideoDecoder::decode_into(std::span<std::byte const> file,
                                             std::span<int const> indices,
                                             Resample const& resample,
                                             std::span<std::uint8_t> out) {
  if (resample.out_width_px < 1 || resample.out_height_px < 1)
    return failure("decode_into needs the size of the result (got {} x {})",
                   resample.out_width_px, resample.out_height_px);
  return impl_->decode(file, indices, resample, {out, true});
}

Result<int> VideoDecoder::count_frames(std::span<std::byte const> file) {
  return impl_->count_frames(file);
}

}  // namespace gasm
