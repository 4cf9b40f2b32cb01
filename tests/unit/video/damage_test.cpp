// SPDX-License-Identifier: Apache-2.0
// Broken input ends in an error or in counted repeats: never in a hang, a
// crash or a leak.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <string>

#include "ffmpeg_tool.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/base/rng.hpp"
#include "gasm/video/video_decoder.hpp"
#include "gasm/video/video_info.hpp"

namespace gasm {
namespace {

using test::Bytes;
using test::load;
using test::make_video;

Bytes const& webm() {
  static auto const bytes = load(make_video(
      "damage.webm",
      "-f lavfi -i mandelbrot=s=120x90:r=12 -frames:v 24 -pix_fmt yuv420p "
      "-c:v libvpx-vp9 -crf 30 -b:v 0"));
  return bytes;
}

Bytes const& mp4() {
  static auto const bytes = load(make_video(
      "damage.mp4",
      "-f lavfi -i mandelbrot=s=120x90:r=12 -frames:v 24 -pix_fmt yuv420p "
      "-c:v libx264 -movflags +faststart"));
  return bytes;
}

Bytes first_part(Bytes const& bytes, double fraction) {
  auto const size = static_cast<double>(bytes.size()) * fraction;
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)};
}

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t total = 0;
  std::int64_t resident = 0;
  statm >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

TEST(Damage, empty_and_foreign_bytes_are_errors) {
  VideoDecoder decoder;
  Rng rng(7);
  Bytes noise(20000);
  for (auto& byte : noise) byte = static_cast<std::byte>(rng.below(256));
  std::string const text(5000, 'x');
  std::string const page = "<html><body>404 not found</body></html>";
  std::string const playlist =
      "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile:///etc/hostname\n";
  auto const picture = load(
      make_video("picture.png", "-f lavfi -i color=red:s=32x32 -frames:v 1"));
  auto const sound = load(make_video("sound.wav", "-f lavfi -i sine=d=0.2"));
  for (auto const& file :
       {Bytes{}, Bytes{std::byte{0x1a}}, noise, Bytes(4096), picture, sound,
        first_part(webm(), 0.002), first_part(mp4(), 0.01)}) {
    EXPECT_FALSE(decoder.decode(file, std::array{0}));
    EXPECT_FALSE(decoder.count_frames(file));
    auto const info = probe_video(file);
    ASSERT_FALSE(info) << info->container;
    EXPECT_GT(std::strlen(info.error().what()), 10u);
  }
  for (auto const& file : {text, page, playlist})
    EXPECT_FALSE(decoder.decode(std::as_bytes(std::span(file)), std::array{0}));
}

// FFmpeg's demuxers for these open sockets and files, not all of them through
// the callback that refuses to.
TEST(Damage, a_text_that_names_addresses_or_files_opens_none) {
  auto const other = make_video(
      "other.webm",
      "-f lavfi -i color=red:s=32x32:r=10:d=1 -pix_fmt yuv420p -c:v libvpx");
  auto const path = test::scratch_folder() / "7.webm";
  for (auto const& [text, name] :
       {std::pair<std::string, std::string>{
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
            "m=video 5004 RTP/AVP 96\na=rtpmap:96 VP9/90000\n",
            "sdp"},
        {"ffconcat version 1.0\nfile other.webm\n", "concat"},
        {"ffconcat version 1.0\nfile " + other.string() + "\n", "concat"},
        {"ffconcat version 1.0\nfile 7.webm\n", "concat"},
        {"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nother.webm\n",
         "hls"}}) {
    std::ofstream(path) << text;
    double const start_s = monotonic_s();
    auto const info = probe_video(path);
    ASSERT_FALSE(info) << text;
    EXPECT_NE(std::string(info.error().what())
                  .find("not a video (recognised as " + name + "). Try"),
              std::string::npos)
        << info.error().what();
    EXPECT_FALSE(VideoDecoder().decode(path, std::array{0}));
    EXPECT_LT(monotonic_s() - start_s, 1.0) << text;
  }
}

TEST(Damage, a_truncated_file_repeats_its_last_frame) {
  auto const half = first_part(webm(), 0.5);
  auto const info = probe_video(half);
  ASSERT_TRUE(info) << info.error().what();
  EXPECT_GT(info->num_frames, 0);
  EXPECT_LT(info->num_frames, 24);
  auto const block = VideoDecoder().decode(half, std::array{0, 23});
  ASSERT_TRUE(block) << block.error().what();
  EXPECT_EQ(block->num_missing, 1);
  auto const last =
      VideoDecoder().decode(half, std::array{info->num_frames - 1});
  ASSERT_TRUE(last);
  EXPECT_TRUE(
      std::equal(last->rgb.begin(), last->rgb.end(), block->frame(1).begin()));
  auto const verified = verify_video(half);
  ASSERT_FALSE(verified);
  EXPECT_TRUE(verify_video(webm()));
  EXPECT_FALSE(verify_video(first_part(mp4(), 0.6)));
}

TEST(Damage, flipped_bytes_never_hang_or_crash) {
  VideoDecoder decoder;
  Rng rng(11);
  int num_whole = 0;
  double const start_s = monotonic_s();
  for (int round = 0; round < 400; ++round) {
    auto file = round % 2 == 0 ? webm() : mp4();
    auto const num_flips = rng.between(1, 40);
    for (int i = 0; i < num_flips; ++i) {
      // Half of them in the first kilobyte, where the headers are.
      auto const reach = rng.chance(0.5)
                             ? std::min<std::size_t>(file.size(), 1024)
                             : file.size();
      auto const at =
          static_cast<std::size_t>(rng.below(static_cast<std::int64_t>(reach)));
      file[at] ^= static_cast<std::byte>(1 << rng.below(8));
    }
    auto const block =
        decoder.decode(file, std::array{0, 12, 23}, {{}, 32, 32, 0});
    if (!block) continue;
    ++num_whole;
    EXPECT_EQ(block->rgb.size(), 3u * 32 * 32 * 3);
    EXPECT_GE(block->num_missing, 0);
    EXPECT_LE(block->num_missing, 3);
  }
  EXPECT_GT(num_whole, 50);
  EXPECT_LT(monotonic_s() - start_s, 60.0);
  // A decoder that met all this still decodes an intact file as before.
  auto const after = decoder.decode(webm(), std::array{3, 20});
  auto const fresh = VideoDecoder().decode(webm(), std::array{3, 20});
  ASSERT_TRUE(after && fresh);
  EXPECT_EQ(after->rgb, fresh->rgb);
}

TEST(Damage, strict_reading_sees_what_tolerant_reading_counts) {
  auto file = webm();
  Rng rng(3);
  for (std::size_t i = file.size() / 2; i < file.size() / 2 + 4000; ++i)
    file[i] = static_cast<std::byte>(rng.below(256));
  auto const info = probe_video(file);
  ASSERT_TRUE(info) << info.error().what();
  auto const verified = verify_video(file);
  EXPECT_FALSE(verified);
}

TEST(Damage, two_thousand_files_leave_no_memory_behind) {
  VideoDecoder decoder;
  auto const damaged = first_part(webm(), 0.5);
  auto const decode_some = [&](int count) {
    for (int i = 0; i < count; ++i) {
      (void)decoder.decode(webm(), std::array{0, 2}, {{}, 32, 32, 0});
      (void)decoder.decode(damaged, std::array{1}, {{}, 32, 32, 0});
      (void)decoder.decode(mp4(), std::array{1}, {{3, 3, 40, 40}, 16, 16, 0});
      (void)VideoDecoder().decode(first_part(webm(), 0.01), std::array{0});
    }
  };
  decode_some(50);
  auto const before = resident_bytes();
  decode_some(500);
  EXPECT_LT(resident_bytes() - before, 2 << 20);
}

}  // namespace
}  // namespace gasm
