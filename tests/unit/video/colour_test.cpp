// SPDX-License-Identifier: Apache-2.0
// Solid colours through tagged and untagged files: the colour that went in
// must come out within 3 levels, whatever matrix and range carried it.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>

#include "ffmpeg_tool.hpp"
#include "gasm/video/video_decoder.hpp"
#include "gasm/video/video_info.hpp"

namespace gasm {
namespace {

using test::load;
using test::make_video;

struct Encoding {
  char const* name;
  char const* suffix;   // container
  char const* scale;    // how the source becomes YUV
  char const* options;  // codec and tags
  ColourMatrix matrix;
  ColourRange range;
};

std::array<Encoding, 6> const encodings{{
    {"vp9_untagged", "webm",
     "out_color_matrix=bt601:out_range=tv,format=yuv420p",
     "-c:v libvpx-vp9 -lossless 1", ColourMatrix::bt601, ColourRange::limited},
    {"vp9_709", "webm", "out_color_matrix=bt709:out_range=tv,format=yuv420p",
     "-c:v libvpx-vp9 -lossless 1 -colorspace bt709 "
     "-color_range tv",
     ColourMatrix::bt709, ColourRange::limited},
    {"h264_709", "mp4", "out_color_matrix=bt709:out_range=tv,format=yuv420p",
     "-c:v libx264 -qp 0 -colorspace bt709 -color_range tv",
     ColourMatrix::bt709, ColourRange::limited},
    {"h264_709_full", "mp4",
     "out_color_matrix=bt709:out_range=pc,format=yuv444p",
     "-c:v libx264 -qp 0 -colorspace bt709 -color_range pc",
     ColourMatrix::bt709, ColourRange::full},
    {"mjpeg_full", "avi", "out_color_matrix=bt601:out_range=pc,format=yuvj422p",
     "-c:v mjpeg -q:v 1", ColourMatrix::bt601, ColourRange::full},
    {"h264_2020_10bit", "mkv",
     "out_color_matrix=bt2020:out_range=tv,format=yuv420p10le",
     "-c:v libx264 -qp 0 -colorspace bt2020nc "
     "-color_range tv",
     ColourMatrix::bt2020, ColourRange::limited},
}};

void PrintTo(Encoding const& encoding, std::ostream* out) {
  *out << encoding.name;
}

class SolidColour : public testing::TestWithParam<Encoding> {};

TEST_P(SolidColour, comes_back_within_three_levels) {
  auto const& encoding = GetParam();
  std::array<std::array<int, 3>, 6> const colours{{{255, 0, 0},
                                                   {0, 255, 0},
                                                   {0, 0, 255},
                                                   {128, 128, 128},
                                                   {200, 60, 120},
                                                   {20, 180, 90}}};
  VideoDecoder decoder;
  for (auto const& colour : colours) {
    char hex[8];
    std::snprintf(
        hex, sizeof hex, "%02x%02x%02x", static_cast<unsigned>(colour[0]),
        static_cast<unsigned>(colour[1]), static_cast<unsigned>(colour[2]));
    auto const path = make_video(
        std::string(encoding.name) + hex + "." + encoding.suffix,
        std::string("-f lavfi -i color=0x") + hex +
            ":s=64x48:r=10:d=0.3,format=gbrp,scale=" + encoding.scale + " " +
            encoding.options);
    auto const info = probe_video(path);
    ASSERT_TRUE(info) << info.error().what();
    EXPECT_STREQ(to_string(info->matrix), to_string(encoding.matrix));
    EXPECT_STREQ(to_string(info->range), to_string(encoding.range));
    auto const block =
        decoder.decode(load(path), std::array{1}, {{}, 40, 30, 0});
    ASSERT_TRUE(block) << block.error().what();
    for (std::size_t i = 0; i < block->rgb.size(); ++i)
      ASSERT_NEAR(block->rgb[i], colour[i % 3], 3)
          << encoding.name << " " << hex << " byte " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(, SolidColour, testing::ValuesIn(encodings),
                         [](auto const& test) { return test.param.name; });

TEST(Colour, gray_without_a_tag_is_full_range) {
  auto const path =
      make_video("gray.avi",
                 "-f lavfi -i color=s=32x32:r=10:d=0.2,format=gray,geq=100 "
                 "-c:v ffv1");
  auto const block = VideoDecoder().decode(path, std::array{0});
  ASSERT_TRUE(block) << block.error().what();
  for (auto const value : block->rgb) ASSERT_EQ(value, 100);
}

TEST(Colour, unknown_matrix_is_refused_by_name) {
  auto const path = make_video(
      "ycgco.mkv",
      "-f lavfi -i color=red:s=32x32:r=10:d=0.2 -c:v libx264 -qp 0 -pix_fmt "
      "yuv444p -colorspace ycgco");
  auto const block = VideoDecoder().decode(path, std::array{0});
  ASSERT_FALSE(block);
  EXPECT_NE(std::string(block.error().what()).find("ycgco"), std::string::npos);
}

}  // namespace
}  // namespace gasm
