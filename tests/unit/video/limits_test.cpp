// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "ffmpeg_tool.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/video/video_decoder.hpp"
#include "gasm/video/video_info.hpp"

namespace gasm {
namespace {

using test::load;
using test::make_video;

std::filesystem::path const& clip() {
  static auto const path = make_video(
      "limits.webm",
      "-f lavfi -i testsrc2=s=96x64:r=12:d=2 -pix_fmt yuv420p -c:v libvpx-vp9");
  return path;
}

void expect_refused(DecodeLimits const& limits, std::string const& name) {
  auto const info = probe_video(clip(), limits);
  ASSERT_FALSE(info) << name;
  EXPECT_NE(std::string(info.error().what()).find(name), std::string::npos)
      << info.error().what();
  auto const block = VideoDecoder(limits).decode(load(clip()), std::array{23});
  EXPECT_FALSE(block) << name;
}

TEST(Limits, each_is_named_when_passed) {
  DecodeLimits limits;
  limits.max_file_bytes = 1000;
  expect_refused(limits, "max_file_bytes");
  limits = {};
  limits.max_packets = 10;
  expect_refused(limits, "max_packets");
  limits = {};
  limits.max_pixels = 96 * 64 - 1;
  expect_refused(limits, "max_pixels");
  limits = {};
  limits.max_frames = 10;
  expect_refused(limits, "max_frames");
  limits = {};
  limits.deadline_s = 0.0;
  expect_refused(limits, "deadline_s");
}

TEST(Limits, too_many_streams) {
  auto const path = make_video(
      "streams.mkv",
      "-f lavfi -i sine=d=1 -f lavfi -i color=red:s=32x32:r=10:d=1 -map 0 -map "
      "0 -map 0 -map 1 -c:v ffv1");
  DecodeLimits limits;
  limits.max_streams = 3;
  EXPECT_FALSE(probe_video(path, limits));
  EXPECT_TRUE(probe_video(path));
}

TEST(Limits, exactly_at_the_limit_is_fine) {
  DecodeLimits limits;
  limits.max_frames = 24;
  limits.max_packets = 24;
  limits.max_pixels = 96 * 64;
  limits.max_file_bytes = static_cast<std::int64_t>(load(clip()).size());
  auto const info = probe_video(clip(), limits);
  ASSERT_TRUE(info) << info.error().what();
  EXPECT_EQ(info->num_frames, 24);
  EXPECT_TRUE(VideoDecoder(limits).decode(clip(), std::array{23}));
}

TEST(Limits, the_deadline_stops_a_long_file) {
  auto const path = make_video(
      "long.mkv",
      "-f lavfi -i testsrc2=s=320x240:r=30:d=20 -pix_fmt yuv420p -c:v mpeg4 "
      "-q:v 5");
  DecodeLimits limits;
  limits.deadline_s = 0.01;
  double const start_s = monotonic_s();
  auto const info = probe_video(path, limits);
  ASSERT_FALSE(info);
  EXPECT_LT(monotonic_s() - start_s, 2.0);
}

TEST(Limits, indices_and_crops_out_of_range) {
  VideoDecoder decoder;
  auto const bytes = load(clip());
  EXPECT_FALSE(decoder.decode(bytes, std::span<int const>{}));
  EXPECT_FALSE(decoder.decode(bytes, std::array{-1}));
  EXPECT_FALSE(decoder.decode(bytes, std::array{0, 1 << 30}));
  std::array<CropBox, 6> const boxes{{{-1, 0, 10, 10},
                                      {0, 0, 97, 64},
                                      {90, 0, 7, 10},
                                      {0, 1, 96, 64},
                                      {0, 0, 0, 10},
                                      {2147483647, 0, 10, 10}}};
  for (auto const& box : boxes)
    EXPECT_FALSE(decoder.decode(bytes, std::array{0}, {box, 8, 8, 0}))
        << box.x_px << " " << box.width_px;
  EXPECT_FALSE(decoder.decode(bytes, std::array{0}, {{}, -5, 8, 0}));
  EXPECT_FALSE(decoder.decode(bytes, std::array{0}, {{}, 1 << 20, 8, 0}));
  EXPECT_TRUE(decoder.decode(bytes, std::array{0}, {{}, 8, 8, 0}));
}

TEST(Limits, a_missing_file_is_named) {
  auto const block = VideoDecoder().decode(
      std::filesystem::path("/nonexistent/clip.webm"), std::array{0});
  ASSERT_FALSE(block);
  EXPECT_NE(std::string(block.error().what()).find("/nonexistent/clip.webm"),
            std::string::npos);
}

}  // namespace
}  // namespace gasm
