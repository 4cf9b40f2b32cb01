// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "ffmpeg_tool.hpp"
#include "gasm/base/rng.hpp"
#include "gasm/video/png.hpp"
#include "gasm/video/video_info.hpp"
#include "gasm/video/video_outline.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;

test::Bytes bytes_of(std::filesystem::path const& path) {
  return value_or_throw(read_bytes(path));
}

TEST(Png, FfmpegReadsTheSamePixels) {
  Rng rng({1});
  for (auto const& [width, height] : {std::pair{37, 11}, {1, 1}, {640, 480}}) {
    test::Pixels rgb(static_cast<std::size_t>(width * height * 3));
    for (auto& value : rgb) value = static_cast<std::uint8_t>(rng.below(256));
    auto const png = value_or_throw(encode_png(rgb, width, height));
    auto const path = test::scratch_folder() / "picture.png";
    value_or_throw(publish_file(
        path, {reinterpret_cast<char const*>(png.data()), png.size()}));
    EXPECT_EQ(test::output_of("ffmpeg -nostdin -v error -i " + path.string() +
                              " -f rawvideo -pix_fmt rgb24 - </dev/null"),
              rgb);
  }
}

TEST(Png, SizesThatDoNotFit) {
  test::Pixels const rgb(30);
  EXPECT_THAT(encode_png(rgb, 4, 3).error().what(),
              HasSubstr("30 bytes are no picture of 4 x 3"));
  EXPECT_THAT(encode_png(rgb, 0, 10).error().what(), HasSubstr("0 x 10"));
  EXPECT_THAT(encode_png(rgb, 100000, 1).error().what(),
              HasSubstr("100000 x 1"));
}

TEST(VideoOutline, AgreesWithFullDecoding) {
  std::string const source = "-f lavfi -i testsrc=size=64x48:rate=";
  for (auto const& [name, arguments] :
       {std::pair{"a.webm", "12 -frames:v 20 -c:v libvpx-vp9 -b:v 0 -crf 40"},
        // Two passes and alternate references: packets of hidden frames.
        {"b.webm",
         "25 -frames:v 40 -c:v libvpx-vp9 -b:v 100k -auto-alt-ref 1 "
         "-lag-in-frames 16 -deadline good -cpu-used 5"},
        {"c.mp4", "30000/1001 -frames:v 25 -c:v libx264 -bf 3"},
        {"d.avi", "10 -frames:v 5 -c:v mpeg4"}}) {
    auto const file = bytes_of(test::make_video(name, source + arguments));
    auto const outline = value_or_throw(outline_video(file));
    auto const info = value_or_throw(probe_video(file));
    EXPECT_EQ(outline.codec, info.codec) << name;
    EXPECT_NEAR(outline.fps, info.fps, 1e-3 * info.fps) << name;
  }
}

TEST(VideoOutline, NoVideo) {
  test::Bytes const nothing(100);
  EXPECT_FALSE(outline_video(nothing));
  EXPECT_FALSE(outline_video({}));
}

}  // namespace
}  // namespace gasm
