// SPDX-License-Identifier: Apache-2.0
#include "gasm/video/bench_decode.hpp"

#include <algorithm>
#include <vector>

#include "gasm/base/clock.hpp"
#include "gasm/base/file.hpp"
#include "gasm/video/clip_time.hpp"
#include "gasm/video/video_decoder.hpp"

namespace gasm {
namespace {

bool decode_clip(VideoDecoder& decoder, std::filesystem::path const& path,
                 BenchDecodeOptions const& options) {
  auto const bytes = read_bytes(path);
  if (!bytes) return false;
  auto const num_frames = decoder.count_frames(*bytes);
  if (!num_frames) return false;
  Resample resample;
  resample.short_side_px = options.short_side_px;
  auto const block = decoder.decode(
      *bytes, uniform_indices(*num_frames, options.num_frames), resample);
  return block.has_value() && block->num_missing == 0;
}

double median(std::vector<double> values) {
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
  (void)decode_clip(decoder, files.front(), options);
  std::vector<double> rates;
  for (int pass = 0; pass < options.num_repeats; ++pass) {
    result.num_failed = 0;
    double const start_s = monotonic_s();
    for (auto const& file : files)
      if (!decode_clip(decoder, file, options)) ++result.num_failed;
    rates.push_back(static_cast<double>(files.size()) /
                    std::max(monotonic_s() - start_s, 1e-9));
  }
  result.clips_per_s = median(rates);
  return result;
}

}  // namespace gasm
