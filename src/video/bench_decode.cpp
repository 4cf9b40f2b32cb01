// SPDX-License-Identifier: Apache-2.0
#include "gasm/video/bench_decode.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "frame_reader.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/base/file.hpp"
#include "gasm/video/clip_time.hpp"
#include "gasm/video/video_decoder.hpp"

namespace gasm {
namespace {

/// Seconds spent on one pass over all files.
struct Pass {
  double all_s = 0.0;
  double scale_s = 0.0;
  double floor_s = 0.0;
  int num_failed = 0;
};

/// The seconds for resizing and colours; nothing if the clip failed.
std::optional<double> decode_clip(VideoDecoder& decoder,
                                  std::filesystem::path const& path,
                                  BenchDecodeOptions const& options) {
  auto const bytes = read_bytes(path);
  if (!bytes) return std::nullopt;
  auto const num_frames = decoder.count_frames(*bytes);
  if (!num_frames) return std::nullopt;
  Resample resample;
  resample.short_side_px = options.short_side_px;
  auto const block = decoder.decode(
      *bytes, uniform_indices(*num_frames, options.num_frames), resample);
  if (!block || block->num_missing > 0) return std::nullopt;
  return block->scale_s;
}

/// Decodes all frames of a file and touches none.
void decode_only(FrameReader& reader, std::filesystem::path const& path) {
  auto const bytes = read_bytes(path);
  if (!bytes || !reader.open(*bytes)) return;
  while (true) {
    auto const frame = reader.next();
    if (!frame || *frame == nullptr) break;
  }
  reader.close();
}

Pass run_pass(VideoDecoder& decoder, FrameReader& reader,
              std::span<std::filesystem::path const> files,
              BenchDecodeOptions const& options) {
  Pass pass;
  for (auto const& file : files) {
    double const start_s = monotonic_s();
    auto const scale_s = decode_clip(decoder, file, options);
    double const end_s = monotonic_s();
    pass.all_s += end_s - start_s;
    pass.scale_s += scale_s.value_or(0.0);
    if (!scale_s) ++pass.num_failed;
    if (!options.with_floor) continue;
    decode_only(reader, file);
    pass.floor_s += monotonic_s() - end_s;
  }
  return pass;
}

template <class Value>
double median(std::vector<Pass> const& passes, Value const& value_of) {
  std::vector<double> values;
  for (auto const& pass : passes) values.push_back(value_of(pass));
  if (values.empty()) return 0.0;
  std::sort(values.begin(), values.end());
  auto const middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle]
                                : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

BenchDecodeResult bench_decode(std::span<std::filesystem::path const> files,
                               BenchDecodeOptions const& options) {
  BenchDecodeResult result;
  result.num_clips = static_cast<int>(files.size());
  if (files.empty()) return result;
  VideoDecoder decoder(options.limits);
  FrameReader reader(options.limits, FrameReader::Reading::tolerant);
  (void)run_pass(decoder, reader, files.first(1), options);
  std::vector<Pass> passes;
  for (int pass = 0; pass < options.num_repeats; ++pass)
    passes.push_back(run_pass(decoder, reader, files, options));
  auto const num_clips = static_cast<double>(files.size());
  auto const ms_a_clip = [&](auto const& seconds_of) {
    return median(passes, seconds_of) * 1e3 / num_clips;
  };
  auto const all_s = [](Pass const& p) { return std::max(p.all_s, 1e-9); };
  result.clips_per_s = num_clips / median(passes, all_s);
  result.decode_ms =
      ms_a_clip([](Pass const& p) { return p.all_s - p.scale_s; });
  result.scale_ms = ms_a_clip([](Pass const& p) { return p.scale_s; });
  result.floor_ms = ms_a_clip([](Pass const& p) { return p.floor_s; });
  if (options.with_floor)
    result.over_floor = median(passes, [&](Pass const& p) {
      return all_s(p) / std::max(p.floor_s, 1e-9);
    });
  result.num_failed = passes.empty() ? 0 : passes.back().num_failed;
  return result;
}

}  // namespace gasm
