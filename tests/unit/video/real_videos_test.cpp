// SPDX-License-Identifier: Apache-2.0
// Real files of third parties (tools/fetch_test_videos): codec, size, frame
// count and pixels against the ffmpeg tool. Needs no network; skips where the
// files are absent. GASM_TEST_VIDEOS names another folder.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "ffmpeg_tool.hpp"
#include "frame_reader.hpp"
#include "gasm/video/video_decoder.hpp"
#include "gasm/video/video_info.hpp"

namespace gasm {
namespace {

using test::load;
using test::output_of;

struct RealVideo {
  char const* file;
  char const* codec;
  int width;
  int height;
  int num_frames;  // decoded, by ffprobe -count_frames
};

void PrintTo(RealVideo const& video, std::ostream* out) { *out << video.file; }

std::array<RealVideo, 20> const videos{{
    {"gtk-logo.webm", "vp9", 128, 128, 140},
    {"balle1-vp9.avi", "vp9", 320, 240, 295},
    {"balle-jbart.mp4", "h264", 720, 576, 255},
    {"Effet_force_magnetique.ogv", "theora", 400, 304, 34},
    {"Principe_inertie.avi", "mpeg4", 400, 300, 28},
    {"g1.avi", "mpeg4", 400, 300, 16},
    {"retroMars2018.avi", "mpeg4", 0, 0, 25},
    {"webm.webm", "vp8", 560, 320, 166},
    {"mp4.mp4", "h264", 560, 320, 166},
    {"mov.mov", "h264", 560, 320, 166},
    {"ogg.ogv", "theora", 560, 320, 166},
    {"asf.asf", "wmv2", 0, 0, 161},
    {"mkv.mkv", "mpeg4", 1280, 720, 147},
    {"flv.flv", "flv1", 0, 0, 139},
    {"3gp.3gp", "h263", 0, 0, 83},
    {"cockatoo.mp4", "h264", 1280, 720, 280},
    {"realshort.mp4", "h264", 320, 240, 36},
    {"anim-1.mov", "mjpeg", 0, 0, 91},
    {"homer.avi", "indeo3", 0, 0, 86},
    {"alea.mpg", "mpeg1video", 0, 0, 162},
}};

std::filesystem::path folder() {
  auto const variable = [](char const* name) {
    char const* value = std::getenv(name);
    return std::filesystem::path(value != nullptr ? value : "");
  };
  if (auto path = variable("GASM_TEST_VIDEOS"); !path.empty()) return path;
  if (auto path = variable("GASM_DEPS"); !path.empty())
    return path / "test-videos";
  if (auto path = variable("XDG_CACHE_HOME"); !path.empty())
    return path / "gasm/test-videos";
  return variable("HOME") / ".cache/gasm/test-videos";
}

/// The checksums of all frames in their own pixel format, as the ffmpeg
/// tool's framecrc muxer states them in the last column.
std::vector<std::uint32_t> oracle_checksums(std::filesystem::path const& path) {
  auto const output =
      output_of("ffmpeg -nostdin -v error -noautorotate -i " + path.string() +
                " -map 0:v:0 -fps_mode passthrough -f framecrc - </dev/null");
  std::istringstream lines(std::string(output.begin(), output.end()));
  std::vector<std::uint32_t> sums;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    auto const field = line.substr(line.rfind("0x"));
    sums.push_back(static_cast<std::uint32_t>(std::stoul(field, nullptr, 16)));
  }
  return sums;
}

/// Adler-32 that starts at 0, which is what framecrc prints.
std::uint32_t checksum(std::span<std::uint8_t const> bytes) {
  std::uint32_t a = 0;
  std::uint32_t b = 0;
  for (std::size_t i = 0; i < bytes.size();) {
    // No overflow of 32 bits within 5,552 bytes (RFC 1950).
    for (auto const end = std::min(bytes.size(), i + 5552); i < end; ++i) {
      a += bytes[i];
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return b << 16 | a;
}

std::vector<std::uint8_t> bytes_of(AVFrame const& frame) {
  auto const format = static_cast<AVPixelFormat>(frame.format);
  auto const size =
      av_image_get_buffer_size(format, frame.width, frame.height, 1);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  av_image_copy_to_buffer(bytes.data(), size, frame.data, frame.linesize,
                          format, frame.width, frame.height, 1);
  return bytes;
}

class Real : public testing::TestWithParam<RealVideo> {
 protected:
  void SetUp() override {
    path_ = folder() / GetParam().file;
    if (!std::filesystem::exists(path_))
      GTEST_SKIP() << "NOT TESTED: " << path_ << " is absent. Try "
                   << "tools/fetch_test_videos.";
  }
  std::filesystem::path path_;
};

TEST_P(Real, codec_size_and_count) {
  auto const info = probe_video(path_);
  ASSERT_TRUE(info) << info.error().what();
  auto const& known = GetParam();
  EXPECT_EQ(info->codec, known.codec);
  EXPECT_EQ(info->num_frames, known.num_frames);
  EXPECT_EQ(info->num_corrupt_packets, 0);
  if (known.width > 0) {
    EXPECT_EQ(info->width, known.width);
    EXPECT_EQ(info->height, known.height);
  }
  auto const count = VideoDecoder().count_frames(load(path_));
  ASSERT_TRUE(count);
  EXPECT_EQ(*count, known.num_frames);
  auto const verified = verify_video(path_);
  EXPECT_TRUE(verified) << verified.error().what();
}

TEST_P(Real, every_frame_in_its_own_format) {
  auto const expected = oracle_checksums(path_);
  auto const file = load(path_);
  FrameReader reader({}, FrameReader::Reading::tolerant);
  ASSERT_TRUE(reader.open(file));
  std::vector<std::uint32_t> sums;
  while (true) {
    auto const frame = reader.next();
    ASSERT_TRUE(frame) << frame.error().what();
    if (*frame == nullptr) break;
    sums.push_back(checksum(bytes_of(**frame)));
  }
  EXPECT_EQ(sums, expected);
}

TEST_P(Real, chosen_frames_as_rgb) {
  int const middle = GetParam().num_frames / 2;
  auto const block = VideoDecoder().decode(path_, std::array{middle, 2});
  ASSERT_TRUE(block) << block.error().what();
  EXPECT_EQ(block->num_missing, 0);
  auto const select = [](int n) { return fmt::format("select=eq(n\\,{})", n); };
  auto const near = [](auto const& a, auto const& b) {
    auto const d = test::difference(a, b);
    EXPECT_LE(d.max, 4);
    EXPECT_LT(d.mean, 0.7);
  };
  near(block->frame(0), test::oracle_rgb(path_, select(middle)));
  near(block->frame(1), test::oracle_rgb(path_, select(2)));
  auto const small =
      VideoDecoder().decode(path_, std::array{middle}, {{}, 160, 112, 0});
  ASSERT_TRUE(small);
  near(small->rgb, test::oracle_rgb(path_, select(middle), "160:112"));
}

INSTANTIATE_TEST_SUITE_P(, Real, testing::ValuesIn(videos),
                         [](auto const& test) {
                           std::string name = test.param.file;
                           for (auto& c : name)
                             if (!std::isalnum(static_cast<unsigned char>(c)))
                               c = '_';
                           return name;
                         });

}  // namespace
}  // namespace gasm
