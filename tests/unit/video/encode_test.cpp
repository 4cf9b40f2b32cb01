// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "ffmpeg_tool.hpp"
#include "gasm/base/rng.hpp"
#include "gasm/video/video_decoder.hpp"
#include "gasm/video/video_encoder.hpp"
#include "gasm/video/video_info.hpp"

namespace gasm {
namespace {

using test::difference;
using test::Pixels;

/// Smooth moving waves with a little noise; every frame differs.
Pixels waves(int num_frames, int width, int height) {
  Rng rng(5);
  Pixels rgb;
  for (int t = 0; t < num_frames; ++t)
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        for (int c = 0; c < 3; ++c)
          rgb.push_back(static_cast<std::uint8_t>(
              128 + 90 * std::sin(0.1 * x + 0.07 * y + 0.3 * t + 2 * c) +
              static_cast<double>(rng.below(5))));
  return rgb;
}

std::vector<int> first(int count) {
  std::vector<int> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

double psnr_db(std::span<std::uint8_t const> a,
               std::span<std::uint8_t const> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += std::pow(int{a[i]} - int{b[i]}, 2);
  return 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.size()) / sum);
}

TEST(Encode, lossless_gives_back_the_very_same_rgb) {
  for (auto const& [w, h] : {std::pair{64, 48}, {33, 17}, {1, 1}, {428, 240}}) {
    auto const rgb = waves(5, w, h);
    EncodeOptions options;
    options.fidelity = Fidelity::lossless;
    auto const file = encode_vp9_webm(rgb, w, h, options);
    ASSERT_TRUE(file) << file.error().what();
    auto const block = VideoDecoder().decode(*file, first(5));
    ASSERT_TRUE(block) << block.error().what();
    EXPECT_EQ(block->width, w);
    EXPECT_EQ(block->height, h);
    EXPECT_EQ(block->rgb, rgb) << w << " x " << h;
    EXPECT_EQ(verify_video(*file)->pixel_format, "gbrp");
  }
}

TEST(Encode, constant_quality_is_good_tagged_and_steady) {
  auto const rgb = waves(24, 128, 96);
  auto const file = encode_vp9_webm(rgb, 128, 96);
  ASSERT_TRUE(file) << file.error().what();
  auto const info = verify_video(*file);
  ASSERT_TRUE(info) << info.error().what();
  EXPECT_EQ(info->codec, "vp9");
  EXPECT_EQ(info->pixel_format, "yuv420p");
  EXPECT_EQ(info->num_frames, 24);
  EXPECT_NEAR(info->fps, 12.0, 0.05);
  EXPECT_EQ(info->matrix, ColourMatrix::bt601);
  EXPECT_EQ(info->range, ColourRange::limited);
  auto const block = VideoDecoder().decode(*file, first(24));
  ASSERT_TRUE(block);
  auto const size = block->frame_bytes();
  for (int i : {0, 12, 23})
    EXPECT_GT(
        psnr_db(block->frame(i), std::span(rgb).subspan(
                                     static_cast<std::size_t>(i) * size, size)),
        28.0)
        << i;
}

TEST(Encode, quality_does_not_tell_the_time) {
  // A still scene: with rate control its quality would rise frame by frame.
  auto const still = waves(1, 128, 96);
  Pixels rgb;
  for (int i = 0; i < 24; ++i)
    rgb.insert(rgb.end(), still.begin(), still.end());
  auto const file = encode_vp9_webm(rgb, 128, 96);
  ASSERT_TRUE(file);
  auto const block = VideoDecoder().decode(*file, std::array{1, 23});
  ASSERT_TRUE(block);
  EXPECT_NEAR(psnr_db(block->frame(0), still), psnr_db(block->frame(1), still),
              1.5);
}

TEST(Encode, same_frames_same_bytes) {
  auto const rgb = waves(8, 66, 50);
  auto const a = encode_vp9_webm(rgb, 66, 50);
  auto const b = encode_vp9_webm(rgb, 66, 50);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(*a, *b);
}

TEST(Encode, the_ffmpeg_tool_reads_the_same_frames) {
  auto const rgb = waves(8, 66, 50);
  auto const file = encode_vp9_webm(rgb, 66, 50);
  ASSERT_TRUE(file);
  auto const path = test::scratch_folder() / "encoded.webm";
  ASSERT_TRUE(publish_file(
      path, {reinterpret_cast<char const*>(file->data()), file->size()}));
  auto const block = VideoDecoder().decode(*file, first(8));
  ASSERT_TRUE(block);
  auto const d = difference(block->rgb, test::oracle_rgb(path, "null"));
  EXPECT_LE(d.max, 4);
  auto const tags = test::output_of(
      "ffprobe -v error -show_entries stream=color_space,color_range -of "
      "csv=p=0 " +
      path.string());
  EXPECT_EQ(std::string(tags.begin(), tags.end()), "tv,smpte170m\n");
}

TEST(Encode, lower_crf_is_larger_and_bad_input_is_refused) {
  auto const rgb = waves(6, 64, 48);
  EncodeOptions fine;
  fine.crf = 10;
  EncodeOptions coarse;
  coarse.crf = 60;
  EXPECT_GT(encode_vp9_webm(rgb, 64, 48, fine)->size(),
            encode_vp9_webm(rgb, 64, 48, coarse)->size());
  EXPECT_FALSE(encode_vp9_webm({}, 64, 48));
  EXPECT_FALSE(encode_vp9_webm(rgb, 64, 47));
  EXPECT_FALSE(encode_vp9_webm(rgb, 0, 48));
  EXPECT_FALSE(encode_vp9_webm(rgb, 64, -48));
  for (auto const change : {+[](EncodeOptions& o) { o.crf = 64; },
                            +[](EncodeOptions& o) { o.cpu_used = 9; },
                            +[](EncodeOptions& o) { o.fps = 0; }}) {
    EncodeOptions options;
    change(options);
    EXPECT_FALSE(encode_vp9_webm(rgb, 64, 48, options));
  }
}

}  // namespace
}  // namespace gasm
