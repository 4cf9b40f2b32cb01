// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "gasm/base/hash.hpp"
#include "gasm/base/rng.hpp"
#include "gasm/video/video_decoder.hpp"
#include "gasm/video/video_encoder.hpp"
#include "gasm/video/video_info.hpp"
#include "targets.hpp"

namespace gasm::fuzz {
namespace {

// Small, so that a finding is a fault and not a large video.
DecodeLimits limits() {
  DecodeLimits limits;
  limits.max_file_bytes = 1 << 20;
  limits.max_packets = 400;
  limits.max_frames = 200;
  limits.max_pixels = 512 * 512;
  limits.max_probe_bytes = 1 << 16;
  // So much that a busy machine does not end an intact video.
  limits.deadline_s = 20.0;
  return limits;
}

struct Wish {
  std::vector<int> indices;
  Resample resample;
};

Wish draw_wish(Rng& rng) {
  Wish wish;
  for (auto n = rng.between(1, 4); n > 0; --n)
    wish.indices.push_back(static_cast<int>(rng.below(60)));
  auto const number = [&](int most) {
    return static_cast<int>(rng.below(most));
  };
  auto& r = wish.resample;
  if (rng.chance(0.5))
    r.crop = {number(20), number(20), 1 + number(40), 1 + number(40)};
  if (rng.chance(0.5))
    r.out_width_px = 1 + number(80), r.out_height_px = 1 + number(80);
  else
    r.short_side_px = number(50);
  return wish;
}

void check_block(FrameBlock const& block, Wish const& wish) {
  auto const num = static_cast<int>(wish.indices.size());
  promise(block.num_frames == num, "as many frames as were asked for");
  promise(block.width > 0 && block.height > 0, "frames have a size");
  promise(block.rgb.size() == block.frame_bytes() * wish.indices.size(),
          "the block holds its frames");
  promise(block.num_missing >= 0 && block.num_missing <= num,
          "missing frames are among those asked for");
  promise(wish.resample.out_width_px == 0 ||
              (block.width == wish.resample.out_width_px &&
               block.height == wish.resample.out_height_px),
          "the size that was asked for");
  // Reads every byte, so that the sanitizers see it.
  (void)xxh64(std::as_bytes(std::span(block.rgb)));
}

/// A decoder that met anything still decodes an intact file as before.
void check_still_works(VideoDecoder& decoder) {
  static auto const file = [] {
    std::vector<std::uint8_t> rgb(3 * 3 * 32 * 24);
    Rng rng(1);
    for (auto& value : rgb) value = static_cast<std::uint8_t>(rng.below(256));
    return value_or_throw(encode_vp9_webm(rgb, 32, 24));
  }();
  auto const decode = [&](VideoDecoder& by) {
    return value_or_throw(by.decode(file, std::array{0, 2})).rgb;
  };
  static auto const expected = [&] {
    VideoDecoder fresh;
    return decode(fresh);
  }();
  promise(decode(decoder) == expected, "an intact file decodes as before");
}

}  // namespace

void read_video(std::span<std::byte const> input) {
  static VideoDecoder decoder(limits());
  Rng rng({3, xxh64(input)});
  auto const wish = draw_wish(rng);
  if (auto const block = decoder.decode(input, wish.indices, wish.resample))
    check_block(*block, wish);
  switch (rng.below(3)) {
    case 0:
      if (auto const count = decoder.count_frames(input))
        promise(*count > 0, "a count is positive");
      break;
    case 1:
      if (auto const info = probe_video(input, limits()))
        promise(info->num_frames > 0 && info->width > 0 && info->height > 0,
                "an examined video has frames and a size");
      break;
    default:
      if (auto const info = verify_video(input, limits()))
        promise(info->num_corrupt_packets == 0, "a verified video is whole");
  }
  check_still_works(decoder);
}

}  // namespace gasm::fuzz
