// SPDX-License-Identifier: Apache-2.0
// Intact files that are made to mislead or to cost: another size in
// mid-stream, no video stream, headers that lie about the length, and small
// files that take long.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "ffmpeg_tool.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/video/video_decoder.hpp"
#include "gasm/video/video_info.hpp"

namespace gasm {
namespace {

using test::Bytes;
using test::load;
using test::make_video;
using testing::HasSubstr;

// IVF: 32 bytes, then for each packet its size (4 bytes), its time (8), and
// its bytes; all little-endian.
constexpr std::ptrdiff_t kIvfHeaderBytes = 32;
constexpr std::ptrdiff_t kIvfPacketBytes = 12;

std::vector<Bytes> ivf_packets(Bytes const& file) {
  std::vector<Bytes> packets;
  for (auto at = file.begin() + kIvfHeaderBytes; at != file.end();) {
    std::uint32_t size = 0;
    std::memcpy(&size, &*at, sizeof size);
    at += kIvfPacketBytes;
    packets.emplace_back(at, at + size);
    at += size;
  }
  return packets;
}

Bytes ivf_file(Bytes const& like, std::vector<Bytes> const& packets) {
  Bytes file(like.begin(), like.begin() + kIvfHeaderBytes);
  for (std::uint64_t time = 0; auto const& packet : packets) {
    auto const size = static_cast<std::uint32_t>(packet.size());
    std::array<std::byte, kIvfPacketBytes> head{};
    std::memcpy(head.data(), &size, sizeof size);
    std::memcpy(head.data() + sizeof size, &time, sizeof time);
    file.insert(file.end(), head.begin(), head.end());
    file.insert(file.end(), packet.begin(), packet.end());
    ++time;
  }
  return file;
}

Bytes make_ivf(std::string const& name, std::string const& source) {
  return load(make_video(name, "-f lavfi -i " + source +
                                   " -pix_fmt yuv420p -c:v libvpx-vp9 "
                                   "-deadline realtime -cpu-used 8 "
                                   "-auto-alt-ref 0 -lag-in-frames 0"));
}

TEST(Hostile, vp9_changes_its_size_in_mid_stream) {
  auto const small = make_ivf("small.ivf", "testsrc2=s=64x48:r=12:d=0.5");
  auto const large = make_ivf("large.ivf", "testsrc2=s=160x96:r=12:d=0.5");
  auto packets = ivf_packets(small);
  ASSERT_EQ(packets.size(), 6u);
  for (auto const& packet : ivf_packets(large)) packets.push_back(packet);
  auto const joined = ivf_file(small, packets);
  auto const info = verify_video(joined);
  ASSERT_TRUE(info) << info.error().what();
  EXPECT_EQ(info->num_frames, 12);
  EXPECT_EQ(info->width, 64);
  VideoDecoder decoder;
  // The first frame settles the size; later ones are fitted to it.
  auto const block = decoder.decode(joined, std::array{0, 11});
  ASSERT_TRUE(block) << block.error().what();
  EXPECT_EQ(block->num_missing, 0);
  EXPECT_EQ(block->width, 64);
  EXPECT_EQ(block->height, 48);
  auto const alone =
      VideoDecoder().decode(large, std::array{5}, {{}, 64, 48, 0});
  ASSERT_TRUE(alone) << alone.error().what();
  EXPECT_TRUE(std::ranges::equal(block->frame(1), alone->rgb));
  DecodeLimits limits;
  limits.max_pixels = 64 * 48;
  auto const refused = VideoDecoder(limits).decode(joined, std::array{11});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what(), HasSubstr("max_pixels"));
  EXPECT_TRUE(VideoDecoder(limits).decode(joined, std::array{5}));
  // The change has not stayed with the decoder.
  auto const again = decoder.decode(small, std::array{3});
  auto const fresh = VideoDecoder().decode(small, std::array{3});
  ASSERT_TRUE(again && fresh);
  EXPECT_EQ(again->rgb, fresh->rgb);
}

TEST(Hostile, a_container_without_a_video_stream_is_named) {
  auto const sound = make_video("sound.webm", "-f lavfi -i sine=d=0.5");
  // The picture on a record's sleeve is a video stream to FFmpeg.
  auto const sleeve = make_video(
      "sleeve.m4a",
      "-f lavfi -i sine=d=0.5 -f lavfi -i color=red:s=32x32:d=0.1 -map 0 "
      "-map 1 -frames:v 1 -c:v mjpeg -pix_fmt yuvj420p "
      "-disposition:v:0 attached_pic -f mp4");
  for (auto const& path : {sound, sleeve}) {
    auto const info = probe_video(path);
    ASSERT_FALSE(info) << path;
    EXPECT_THAT(info.error().what(),
                testing::AllOf(HasSubstr(path.string()),
                               HasSubstr("no video stream in the file")));
    EXPECT_FALSE(VideoDecoder().decode(path, std::array{0}));
    EXPECT_FALSE(VideoDecoder().count_frames(load(path)));
  }
}

/// Where the bytes after `mark` begin; the mark must be there once.
std::byte* after(Bytes& file, std::string_view mark) {
  auto const wanted = std::as_bytes(std::span(mark));
  auto const found =
      std::search(file.begin(), file.end(), wanted.begin(), wanted.end());
  EXPECT_NE(found, file.end());
  EXPECT_EQ(std::search(found + 1, file.end(), wanted.begin(), wanted.end()),
            file.end());
  return &*found + mark.size();
}

// Matroska: the element Duration (44 89) of 8 bytes, a big-endian double in
// milliseconds.
Bytes webm_that_states(double duration_ms) {
  static auto const honest = load(make_video(
      "honest.webm",
      "-f lavfi -i testsrc2=s=64x48:r=12:d=2 -pix_fmt yuv420p -c:v libvpx-vp9 "
      "-deadline realtime -cpu-used 8"));
  auto file = honest;
  auto* const value = after(file, "\x44\x89\x88");
  auto bits = std::bit_cast<std::array<std::byte, 8>>(duration_ms);
  std::ranges::reverse(bits);
  std::ranges::copy(bits, value);
  return file;
}

TEST(Hostile, a_webm_that_lies_about_its_length) {
  VideoDecoder decoder;
  for (double const stated_ms : {10.0, 2000.0, 1e6, 1e300, -5.0}) {
    auto const file = webm_that_states(stated_ms);
    auto const count = decoder.count_frames(file);
    ASSERT_TRUE(count) << count.error().what();
    EXPECT_EQ(*count, 24) << stated_ms;
    auto const info = probe_video(file);
    ASSERT_TRUE(info) << info.error().what();
    EXPECT_EQ(info->num_frames, 24) << stated_ms;
    EXPECT_NEAR(info->fps, 12.0, 0.1) << stated_ms;
    auto const block = decoder.decode(file, std::array{23});
    ASSERT_TRUE(block) << block.error().what();
    EXPECT_EQ(block->num_missing, 0) << stated_ms;
  }
  EXPECT_TRUE(verify_video(webm_that_states(2000)));
  EXPECT_TRUE(verify_video(webm_that_states(10)));
  auto const verified = verify_video(webm_that_states(1e6));
  ASSERT_FALSE(verified);
  EXPECT_THAT(verified.error().what(), HasSubstr("ends early (24 frames"));
}

// AVI: the stream's length in frames stands 32 bytes into its header.
TEST(Hostile, an_avi_that_lies_about_its_length) {
  auto const honest = load(make_video(
      "honest.avi",
      "-f lavfi -i testsrc2=s=64x48:r=12:d=2 -pix_fmt yuv420p -c:v mpeg4"));
  for (std::uint32_t const stated : {1u, 5000u, 0xffffffffu}) {
    auto file = honest;
    std::memcpy(after(file, std::string_view("strh\x38\0\0\0", 8)) + 32,
                &stated, sizeof stated);
    auto const info = probe_video(file);
    ASSERT_TRUE(info) << info.error().what();
    EXPECT_EQ(info->num_frames, 24) << stated;
    auto const block = VideoDecoder().decode(file, std::array{23});
    ASSERT_TRUE(block) << block.error().what();
    EXPECT_EQ(block->num_missing, 0) << stated;
    if (stated == 5000u) {
      EXPECT_FALSE(verify_video(file));
    }
  }
}

// Packets of a few bytes that each copy a large frame: a file of some tens of
// kilobytes that would take minutes.
TEST(Hostile, a_small_file_that_decodes_slowly_meets_the_deadline) {
  auto const few = make_ivf("slow.ivf", "color=gray:s=2048x1152:r=12:d=0.4");
  auto packets = ivf_packets(few);
  ASSERT_GE(packets.size(), 3u);
  auto const copy = packets.back();
  ASSERT_LT(copy.size(), 4096u);
  while (packets.size() < 15000) packets.push_back(copy);
  auto const file = ivf_file(few, packets);
  DecodeLimits limits;
  limits.deadline_s = 0.3;
  double const start_s = monotonic_s();
  auto const info = probe_video(file, limits);
  ASSERT_FALSE(info);
  EXPECT_THAT(info.error().what(), HasSubstr("deadline_s = 0.3"));
  auto const block =
      VideoDecoder(limits).decode(file, std::array{14000}, {{}, 224, 224, 0});
  ASSERT_FALSE(block);
  EXPECT_THAT(block.error().what(), HasSubstr("deadline_s = 0.3"));
  // One frame after the deadline at most; much room for a busy machine.
  EXPECT_LT(monotonic_s() - start_s, 10.0);
}

}  // namespace
}  // namespace gasm
