// SPDX-License-Identifier: Apache-2.0
#include "gasm/care/clip_measure.hpp"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <numeric>

#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/store/clip_store.hpp"
#include "gasm/video/clip_time.hpp"
#include "gasm/video/video_outline.hpp"

namespace gasm {
namespace {

using Json = nlohmann::json;

constexpr int kShrink = 8;
constexpr int kMaxFrames = 1024;
constexpr double kLumaUnit = 1000;  // of the weights below

/// Thousandths of a level, so that sums are exact.
std::vector<std::int32_t> luma_of(std::span<std::uint8_t const> rgb) {
  std::vector<std::int32_t> luma(rgb.size() / 3);
  for (std::size_t i = 0; i < luma.size(); ++i)
    luma[i] = 299 * rgb[3 * i] + 587 * rgb[3 * i + 1] + 114 * rgb[3 * i + 2];
  return luma;
}

void measure_frames(FrameBlock const& block, ClipMeasure& measure) {
  std::int64_t sum = 0;
  std::int64_t sum_change = 0;
  std::vector<std::int32_t> before;
  for (int k = 0; k < block.num_frames; ++k) {
    auto luma = luma_of(block.frame(k));
    for (auto value : luma) sum += value;
    for (std::size_t i = 0; i < before.size(); ++i)
      sum_change += std::abs(luma[i] - before[i]);
    before = std::move(luma);
  }
  double const frame_sum = kLumaUnit * static_cast<double>(before.size());
  measure.brightness =
      static_cast<double>(sum) / (frame_sum * block.num_frames);
  if (block.num_frames > 1)
    measure.motion =
        static_cast<double>(sum_change) / (frame_sum * (block.num_frames - 1));
}

/// The centres of equal segments would repeat frames of a short clip.
std::vector<int> spread_frames(int in_clip, int num_wanted) {
  if (in_clip > num_wanted) return uniform_indices(in_clip, num_wanted);
  std::vector<int> all(static_cast<std::size_t>(in_clip));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

int shrunk(int side_px) {
  return std::max(1, (side_px + kShrink / 2) / kShrink);
}

Json to_json(ClipMeasure const& m) {
  return {m.codec, m.fps, m.brightness, m.motion ? Json(*m.motion) : Json(),
          m.error ? Json(*m.error) : Json()};
}

ClipMeasure from_json(Json const& values) {
  ClipMeasure measure;
  values[0].get_to(measure.codec);
  values[1].get_to(measure.fps);
  values[2].get_to(measure.brightness);
  if (!values[3].is_null()) measure.motion = values[3].get<double>();
  if (!values[4].is_null()) measure.error = values[4].get<std::string>();
  return measure;
}

/// Rank r takes clips r, r + size, ...
Json measure_share(Communicator const& comm, std::span<ClipRef const> clips,
                   MeasureOptions const& options) {
  ClipMeter meter(options.num_frames);
  auto const step = static_cast<std::size_t>(comm.size());
  auto const first = static_cast<std::size_t>(comm.rank());
  auto const total =
      static_cast<std::int64_t>((clips.size() + step - 1 - first) / step);
  auto share = Json::array();
  auto const tell = [&] {
    if (options.on_progress)
      options.on_progress(static_cast<std::int64_t>(share.size()), total);
  };
  tell();
  for (auto i = first; i < clips.size(); i += step) {
    share.push_back(to_json(meter.measure(*clips[i].store, clips[i].clip)));
    tell();
  }
  return share;
}

}  // namespace

ClipMeter::ClipMeter(int num_frames) : num_frames_(num_frames) {
  if (num_frames < 2 || num_frames > kMaxFrames)
    throw usage_error("cannot measure motion on {} frames (2 to {})",
                      num_frames, kMaxFrames);
}

ClipMeasure ClipMeter::measure(ClipStore const& store, std::int64_t clip) {
  ClipMeasure measure;
  auto const file = store.bytes(clip);
  if (!file) {
    measure.error = file.error().what();
    return measure;
  }
  if (auto const outline = outline_video(*file)) {
    measure.codec = outline->codec;
    measure.fps = outline->fps;
  }
  auto const& info = store.info(clip);
  auto const indices =
      spread_frames(static_cast<int>(info.num_frames), num_frames_);
  auto const block = decoder_.decode(*file, indices,
                                     {.crop = {},
                                      .out_width_px = shrunk(info.width),
                                      .out_height_px = shrunk(info.height),
                                      .short_side_px = 0});
  if (!block)
    measure.error = block.error().what();
  else if (block->num_missing > 0)
    measure.error = fmt::format("{} of {} frames are missing",
                                block->num_missing, block->num_frames);
  else
    measure_frames(*block, measure);
  return measure;
}

std::vector<ClipMeasure> measure_clips(Communicator const& comm,
                                       std::span<ClipRef const> clips,
                                       MeasureOptions const& options) {
  auto const share =
      agree_call(comm, [&] { return measure_share(comm, clips, options); });
  // A decoder's message may quote bytes that are not UTF-8.
  auto const texts = comm.all_gather_strings(
      share.dump(-1, ' ', false, Json::error_handler_t::replace));
  std::vector<ClipMeasure> measures(clips.size());
  for (std::size_t rank = 0; rank < texts.size(); ++rank) {
    auto const list = Json::parse(texts[rank]);
    for (std::size_t k = 0; k < list.size(); ++k)
      measures[rank + k * texts.size()] = from_json(list[k]);
  }
  return measures;
}

}  // namespace gasm
