// SPDX-License-Identifier: Apache-2.0
// Solid colours through tagged and untagged files: the colour that went in
// must come out within 3 levels, whatever matrix and range carried it, and
// whatever crop and size are asked for.
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

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

std::array<Encoding, 11> const encodings{{
    {"vp9_untagged", "webm",
     "out_color_matrix=bt601:out_range=tv,format=yuv420p",
     "-c:v libvpx-vp9 -lossless 1", ColourMatrix::bt601, ColourRange::limited},
    {"vp9_601", "webm", "out_color_matrix=bt601:out_range=tv,format=yuv420p",
     "-c:v libvpx-vp9 -lossless 1 -colorspace smpte170m -color_range tv",
     ColourMatrix::bt601, ColourRange::limited},
    {"vp9_601_full", "webm",
     "out_color_matrix=bt601:out_range=pc,format=yuv420p",
     "-c:v libvpx-vp9 -lossless 1 -colorspace smpte170m -color_range pc",
     ColourMatrix::bt601, ColourRange::full},
    {"vp9_709", "webm", "out_color_matrix=bt709:out_range=tv,format=yuv420p",
     "-c:v libvpx-vp9 -lossless 1 -colorspace bt709 "
     "-color_range tv",
     ColourMatrix::bt709, ColourRange::limited},
    {"vp9_709_full", "webm",
     "out_color_matrix=bt709:out_range=pc,format=yuv420p",
     "-c:v libvpx-vp9 -lossless 1 -colorspace bt709 -color_range pc",
     ColourMatrix::bt709, ColourRange::full},
    {"h264_601", "mp4", "out_color_matrix=bt601:out_range=tv,format=yuv420p",
     "-c:v libx264 -qp 0 -colorspace smpte170m -color_range tv",
     ColourMatrix::bt601, ColourRange::limited},
    {"h264_601_full", "mp4",
     "out_color_matrix=bt601:out_range=pc,format=yuvj420p",
     "-c:v libx264 -qp 0 -colorspace smpte170m -color_range pc",
     ColourMatrix::bt601, ColourRange::full},
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

std::array<std::array<std::uint8_t, 3>, 10> const colours{{{255, 0, 0},
                                                           {0, 255, 0},
                                                           {0, 0, 255},
                                                           {255, 255, 255},
                                                           {0, 0, 0},
                                                           {128, 128, 128},
                                                           {200, 60, 120},
                                                           {20, 180, 90},
                                                           {250, 240, 10},
                                                           {3, 90, 160}}};

/// One frame of 64 x 48 in each of the colours.
std::filesystem::path make_solid_frames(Encoding const& encoding) {
  auto const raw = test::scratch_folder() / "colours.rgb";
  std::ofstream file(raw, std::ios::binary);
  for (auto const& colour : colours)
    for (int i = 0; i < 64 * 48; ++i)
      file.write(reinterpret_cast<char const*>(colour.data()), 3);
  file.close();
  return make_video(
      std::string(encoding.name) + "." + encoding.suffix,
      "-f rawvideo -pix_fmt rgb24 -s 64x48 -r 10 -i " + raw.string() +
          " -vf format=gbrp,scale=" + encoding.scale + " " + encoding.options);
}

TEST_P(SolidColour, comes_back_within_three_levels) {
  auto const& encoding = GetParam();
  auto const path = make_solid_frames(encoding);
  auto const info = verify_video(path);
  ASSERT_TRUE(info) << info.error().what();
  EXPECT_STREQ(to_string(info->matrix), to_string(encoding.matrix));
  EXPECT_STREQ(to_string(info->range), to_string(encoding.range));
  ASSERT_EQ(info->num_frames, static_cast<int>(colours.size()));
  std::vector<int> all(colours.size());
  std::iota(all.begin(), all.end(), 0);
  std::array<Resample, 5> const ways{{{},
                                      {{}, 40, 30, 0},
                                      {{}, 0, 0, 96},
                                      {{10, 6, 32, 32}, 20, 20, 0},
                                      {{7, 5, 31, 33}, 0, 0, 0}}};
  VideoDecoder decoder;
  for (auto const& way : ways) {
    auto const block = decoder.decode(load(path), all, way);
    ASSERT_TRUE(block) << block.error().what();
    for (std::size_t f = 0; f < colours.size(); ++f) {
      auto const frame = block->frame(static_cast<int>(f));
      for (std::size_t i = 0; i < frame.size(); ++i)
        ASSERT_NEAR(frame[i], colours[f][i % 3], 3)
            << block->width << " x " << block->height << ", colour " << f
            << ", byte " << i;
    }
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
