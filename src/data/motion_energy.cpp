// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/motion_energy.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <numeric>

#include "gasm/store/clip_info.hpp"
#include "gasm/video/video_decoder.hpp"

namespace gasm {
namespace {

constexpr int kShrink = 8;

// Luma times 1000: whole numbers add up the same in any order.
int luma_1000(std::span<std::uint8_t const> frame, std::size_t at) {
  return 299 * frame[at] + 587 * frame[at + 1] + 114 * frame[at + 2];
}

float mean_difference(std::span<std::uint8_t const> a,
                      std::span<std::uint8_t const> b) {
  std::int64_t sum = 0;
  for (std::size_t at = 0; at < a.size(); at += 3)
    sum += std::abs(luma_1000(a, at) - luma_1000(b, at));
  auto const num_pixels = static_cast<double>(a.size()) / 3.0;
  return static_cast<float>(static_cast<double>(sum) / (1000.0 * num_pixels));
}

}  // namespace

std::vector<float> motion_energy(FrameBlock const& frames) {
  std::vector<float> energy;
  for (int i = 1; i < frames.num_frames; ++i)
    energy.push_back(mean_difference(frames.frame(i - 1), frames.frame(i)));
  return energy;
}

Result<std::vector<float>> motion_energy(std::span<std::byte const> file,
                                         ClipInfo const& info,
                                         VideoDecoder& decoder) {
  std::vector<int> all(info.num_frames);
  std::iota(all.begin(), all.end(), 0);
  Resample resample;
  resample.out_width_px = std::max(1, static_cast<int>(info.width) / kShrink);
  resample.out_height_px = std::max(1, static_cast<int>(info.height) / kShrink);
  auto const frames = decoder.decode(file, all, resample);
  if (!frames) return tl::unexpected(frames.error());
  if (frames->num_missing > 0)
    return failure("the video ends before its {} frames do ({} are missing)",
                   info.num_frames, frames->num_missing);
  return motion_energy(*frames);
}

}  // namespace gasm
