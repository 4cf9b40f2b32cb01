// SPDX-License-Identifier: Apache-2.0
// Counts and pixels against the ffmpeg tool.
#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <string>
#include <vector>

#include "ffmpeg_tool.hpp"
#include "gasm/video/bench_decode.hpp"
#include "gasm/video/clip_time.hpp"
#include "gasm/video/video_decoder.hpp"
#include "gasm/video/video_info.hpp"

namespace gasm {
namespace {

using test::difference;
using test::load;
using test::make_video;
using test::oracle_rgb;

/// 20 frames of 97 x 67 with motion and detail, in many formats.
std::string const source = "-f lavfi -i testsrc2=s=98x68:r=12:d=1.7,crop=";

std::filesystem::path const& vp9_clip() {
  static auto const path = make_video(
      "clip.webm",
      "-f lavfi -i mandelbrot=s=120x90:r=12 -frames:v 20 -pix_fmt yuv420p "
      "-c:v libvpx-vp9 -crf 30 -b:v 0 -g 8");
  return path;
}

struct Format {
  char const* name;
  char const* suffix;
  char const* options;
  char const* codec;
};

std::array<Format, 16> const formats{{
    {"vp9_odd", "webm", "97:67 -pix_fmt yuv420p -c:v libvpx-vp9 -crf 30",
     "vp9"},
    {"vp8", "webm", "96:64 -pix_fmt yuv420p -c:v libvpx -b:v 1M", "vp8"},
    {"vp9_444", "webm", "97:67 -pix_fmt yuv444p -c:v libvpx-vp9 -crf 30",
     "vp9"},
    {"h264_b_frames", "mp4", "96:66 -pix_fmt yuv420p -c:v libx264 -bf 3",
     "h264"},
    {"mpeg4_avi", "avi", "96:64 -pix_fmt yuv420p -c:v mpeg4 -bf 2 -q:v 3",
     "mpeg4"},
    {"mjpeg_422", "mov", "97:67 -pix_fmt yuvj422p -c:v mjpeg -q:v 3", "mjpeg"},
    {"gif", "gif", "97:67", "gif"},
    {"ffv1_bgr0", "mkv", "97:67 -pix_fmt bgr0 -c:v ffv1", "ffv1"},
    {"raw_yuyv", "avi", "96:66 -pix_fmt yuyv422 -c:v rawvideo", "rawvideo"},
    {"h264_ts", "ts", "96:66 -pix_fmt yuv420p -c:v libx264 -bf 3", "h264"},
    {"h264_flv", "flv", "96:66 -pix_fmt yuv420p -c:v libx264 -bf 3", "h264"},
    {"vp9_ivf", "ivf", "97:67 -pix_fmt yuv420p -c:v libvpx-vp9 -crf 30", "vp9"},
    {"mpeg4_nut", "nut", "96:64 -pix_fmt yuv420p -c:v mpeg4 -q:v 3", "mpeg4"},
    {"theora", "ogv", "96:64 -pix_fmt yuv420p -c:v libtheora -q:v 7", "theora"},
    {"wmv2", "wmv", "96:64 -pix_fmt yuv420p -c:v wmv2 -q:v 3", "wmv2"},
    {"raw_y4m", "y4m", "96:66 -pix_fmt yuv420p", "rawvideo"},
}};

void PrintTo(Format const& format, std::ostream* out) { *out << format.name; }

class EachFormat : public testing::TestWithParam<Format> {};

TEST_P(EachFormat, count_and_pixels_agree_with_the_ffmpeg_tool) {
  auto const& format = GetParam();
  auto const path = make_video(std::string(format.name) + "." + format.suffix,
                               source + format.options);
  auto const info = verify_video(path);
  ASSERT_TRUE(info) << info.error().what();
  EXPECT_EQ(info->codec, format.codec);
  auto const expected = oracle_rgb(path, "null");
  auto const size = static_cast<std::size_t>(3 * info->width * info->height);
  ASSERT_EQ(expected.size() % size, 0u);
  ASSERT_EQ(static_cast<std::size_t>(info->num_frames), expected.size() / size);
  EXPECT_GE(info->num_frames, 19);
  EXPECT_NEAR(info->fps, 12.0, 1.0);

  std::vector<int> all(static_cast<std::size_t>(info->num_frames));
  std::iota(all.begin(), all.end(), 0);
  auto const bytes = load(path);
  VideoDecoder decoder;
  auto const count = decoder.count_frames(bytes);
  ASSERT_TRUE(count);
  EXPECT_EQ(*count, info->num_frames);
  auto const block = decoder.decode(bytes, all);
  ASSERT_TRUE(block) << block.error().what();
  EXPECT_EQ(block->num_missing, 0);
  auto const same_size = difference(block->rgb, expected);
  EXPECT_LE(same_size.max, 4);
  EXPECT_LT(same_size.mean, 0.6);

  Resample const smaller{{}, 50, 40, 0};
  auto const resized = decoder.decode(bytes, all, smaller);
  ASSERT_TRUE(resized) << resized.error().what();
  auto const d = difference(resized->rgb, oracle_rgb(path, "null", "50:40"));
  EXPECT_LE(d.max, 5);
  EXPECT_LT(d.mean, 0.8);
}

INSTANTIATE_TEST_SUITE_P(, EachFormat, testing::ValuesIn(formats),
                         [](auto const& test) { return test.param.name; });

TEST(Decode, any_order_and_duplicates) {
  auto const bytes = load(vp9_clip());
  VideoDecoder decoder;
  std::vector<int> all(20);
  std::iota(all.begin(), all.end(), 0);
  auto const reference = decoder.decode(bytes, all);
  ASSERT_TRUE(reference);
  std::vector<int> const indices{7, 0, 19, 7, 3, 3, 12};
  auto const block = decoder.decode(bytes, indices);
  ASSERT_TRUE(block);
  EXPECT_EQ(block->num_frames, 7);
  EXPECT_EQ(block->num_missing, 0);
  for (int i = 0; i < 7; ++i) {
    auto const got = block->frame(i);
    auto const want = reference->frame(indices[static_cast<std::size_t>(i)]);
    EXPECT_TRUE(std::equal(got.begin(), got.end(), want.begin()));
  }
}

TEST(Decode, frames_past_the_end_repeat_the_last_and_are_counted) {
  auto const bytes = load(vp9_clip());
  VideoDecoder decoder;
  auto const block = decoder.decode(bytes, std::array{25, 19, 20, 2, 1000});
  ASSERT_TRUE(block);
  EXPECT_EQ(block->num_missing, 3);
  auto const last = block->frame(1);
  for (int i : {0, 2, 4})
    EXPECT_TRUE(std::equal(last.begin(), last.end(), block->frame(i).begin()));
  // The last frame itself was not among those asked for.
  auto const only_past = decoder.decode(bytes, std::array{500});
  ASSERT_TRUE(only_past);
  EXPECT_EQ(only_past->num_missing, 1);
  EXPECT_TRUE(
      std::equal(last.begin(), last.end(), only_past->frame(0).begin()));
}

TEST(Decode, crops_agree_with_the_ffmpeg_tool_at_odd_offsets_too) {
  auto const bytes = load(vp9_clip());
  VideoDecoder decoder;
  std::array<CropBox, 5> const boxes{{{0, 0, 64, 48},
                                      {10, 20, 64, 48},
                                      {11, 20, 63, 47},
                                      {10, 21, 50, 51},
                                      {31, 17, 89, 73}}};
  for (auto const& box : boxes) {
    auto const crop = fmt::format("{}:{}:{}:{}", box.width_px, box.height_px,
                                  box.x_px, box.y_px);
    // At odd offsets chroma must be at full resolution before the cut.
    bool const is_even = box.x_px % 2 == 0 && box.y_px % 2 == 0;
    std::string const full =
        "scale=flags=bilinear+accurate_rnd,format=yuv444p,";
    auto const cut =
        "select=eq(n\\,13)," + (is_even ? "" : full) + "crop=" + crop;
    auto const block = decoder.decode(bytes, std::array{13}, {box, 0, 0, 0});
    ASSERT_TRUE(block) << block.error().what();
    auto const same = difference(block->rgb, oracle_rgb(vp9_clip(), cut));
    EXPECT_LT(same.mean, 0.8) << crop;
    auto const scaled = decoder.decode(bytes, std::array{13}, {box, 32, 32, 0});
    ASSERT_TRUE(scaled);
    auto const d =
        difference(scaled->rgb, oracle_rgb(vp9_clip(), cut, "32:32"));
    EXPECT_LT(d.mean, 0.8) << crop;
  }
}

TEST(Decode, short_side_and_size_of_the_result) {
  VideoDecoder decoder;
  auto const bytes = load(vp9_clip());
  Resample resample;
  resample.short_side_px = 45;
  auto block = decoder.decode(bytes, std::array{0}, resample);
  ASSERT_TRUE(block);
  EXPECT_EQ(block->width, 60);
  EXPECT_EQ(block->height, 45);
  EXPECT_EQ(block->rgb.size(), 60u * 45 * 3);
  resample.crop = {0, 0, 30, 90};
  block = decoder.decode(bytes, std::array{0}, resample);
  ASSERT_TRUE(block);
  EXPECT_EQ(block->width, 45);
  EXPECT_EQ(block->height, 135);
}

TEST(Decode, into_memory_of_the_caller) {
  VideoDecoder decoder;
  auto const bytes = load(vp9_clip());
  Resample const resample{{}, 40, 30, 0};
  std::vector<std::uint8_t> out(2 * 40 * 30 * 3);
  auto const block =
      decoder.decode_into(bytes, std::array{4, 9}, resample, out);
  ASSERT_TRUE(block) << block.error().what();
  EXPECT_TRUE(block->rgb.empty());
  EXPECT_EQ(out, decoder.decode(bytes, std::array{4, 9}, resample)->rgb);
  out.pop_back();
  EXPECT_FALSE(decoder.decode_into(bytes, std::array{4, 9}, resample, out));
  EXPECT_FALSE(decoder.decode_into(bytes, std::array{4, 9}, {}, out));
}

TEST(Decode, a_reused_decoder_gives_what_a_new_one_gives) {
  VideoDecoder reused;
  auto const a = load(vp9_clip());
  auto const b = load(
      make_video("other.mp4", source + "96:64 -pix_fmt yuv420p -c:v libx264"));
  for (auto const* file : {&a, &b, &a, &a, &b}) {
    auto const got = reused.decode(*file, std::array{3, 11});
    auto const want = VideoDecoder().decode(*file, std::array{3, 11});
    ASSERT_TRUE(got && want);
    EXPECT_EQ(got->rgb, want->rgb);
  }
}

TEST(Decode, rotation_is_applied) {
  auto const upright = make_video(
      "upright.mp4", source + "96:64 -pix_fmt yuv420p -c:v libx264 -qp 0");
  for (int const degrees : {90, 180, 270}) {
    auto const path =
        make_video(fmt::format("turned{}.mp4", degrees),
                   fmt::format("-i {} -c copy -metadata:s:v rotate={}",
                               upright.string(), degrees));
    auto const info = probe_video(path);
    ASSERT_TRUE(info) << info.error().what();
    EXPECT_EQ(info->rotation_deg % 180, degrees % 180);
    EXPECT_EQ(info->width, degrees == 180 ? 96 : 64);
    EXPECT_EQ(info->height, degrees == 180 ? 64 : 96);
    // The ffmpeg tool turns frames by itself.
    auto const whole = VideoDecoder().decode(path, std::array{5});
    ASSERT_TRUE(whole) << whole.error().what();
    auto const d = difference(whole->rgb, oracle_rgb(path, "select=eq(n\\,5)"));
    EXPECT_LE(d.max, 4) << degrees;
    CropBox const box{4, 10, 40, 30};
    auto const part =
        VideoDecoder().decode(path, std::array{5}, {box, 0, 0, 0});
    ASSERT_TRUE(part) << part.error().what();
    // Chroma at the border of the cut sees other neighbours: leave it out.
    for (int y = 2; y < 28; ++y) {
      for (int x = 6; x < 114; ++x) {
        auto const at = (y + 10) * whole->width * 3 + 12 + x;
        ASSERT_EQ(part->rgb[static_cast<std::size_t>(y * 120 + x)],
                  whole->rgb[static_cast<std::size_t>(at)]);
      }
    }
  }
}

TEST(Decode, the_size_may_change_within_a_file) {
  auto const small = make_video(
      "small.h264", source + "96:64 -pix_fmt yuv420p -c:v libx264 -qp 10");
  auto const large = make_video("large.h264",
                                "-f lavfi -i testsrc2=s=192x128:r=12:d=0.5 "
                                "-pix_fmt yuv420p -c:v libx264");
  auto joined = load(small);
  auto const tail = load(large);
  joined.insert(joined.end(), tail.begin(), tail.end());
  auto const info = probe_video(joined);
  ASSERT_TRUE(info) << info.error().what();
  ASSERT_TRUE(probe_video(small));
  auto const num_small = probe_video(small)->num_frames;
  EXPECT_EQ(info->num_frames, num_small + 6);
  auto const block = VideoDecoder().decode(
      joined, std::array{0, info->num_frames - 1}, {{8, 8, 48, 32}, 0, 0, 0});
  ASSERT_TRUE(block) << block.error().what();
  EXPECT_EQ(block->num_missing, 0);
  auto const d = difference(
      block->frame(1),
      oracle_rgb(large, "select=eq(n\\,5),crop=96:64:16:16", "48:32"));
  EXPECT_LT(d.mean, 0.8);
}

TEST(Decode, only_the_first_video_stream_is_read) {
  auto const path = make_video(
      "two.mkv",
      "-f lavfi -i sine=d=1 -f lavfi -i color=red:s=32x32:r=10:d=1 -f lavfi -i "
      "color=blue:s=64x64:r=10:d=1 -map 0 -map 1 -map 2 -c:v ffv1");
  auto const block = VideoDecoder().decode(path, std::array{9});
  ASSERT_TRUE(block) << block.error().what();
  EXPECT_EQ(block->width, 32);
  EXPECT_NEAR(block->rgb[0], 254, 3);
}

TEST(ClipTime, uniform_indices_by_hand) {
  // s = 47/16 = 2.9375; i = 0: (0 + 3) / 2 = 1; i = 8: s i = 23.5, which
  // rounds to 24: (24 + 26) / 2 = 25; i = 15: (44 + 47) / 2 = 45.
  auto const indices = uniform_indices(48, 16);
  EXPECT_EQ(indices, (std::vector{1, 4, 7, 10, 13, 16, 19, 22, 25, 27, 30, 33,
                                  36, 39, 42, 45}));
  EXPECT_EQ(uniform_indices(1, 3), (std::vector{0, 0, 0}));
  // s = 0.5: round halves to even: 0, 0, 1, 2, 2 -> 0, 0, 1, 2.
  EXPECT_EQ(uniform_indices(3, 4), (std::vector{0, 0, 1, 2}));
  EXPECT_EQ(uniform_indices(2, 1), (std::vector{0}));
  EXPECT_THROW(uniform_indices(0, 4), Error);
  EXPECT_THROW(uniform_indices(4, 0), Error);
}

TEST(BenchDecode, counts_clips_and_failures) {
  std::vector<std::filesystem::path> const files{
      vp9_clip(), vp9_clip(), test::scratch_folder() / "absent.webm"};
  auto const result = bench_decode(files);
  EXPECT_EQ(result.num_clips, 3);
  EXPECT_EQ(result.num_failed, 1);
  EXPECT_GT(result.clips_per_s, 0.0);
}

}  // namespace
}  // namespace gasm
