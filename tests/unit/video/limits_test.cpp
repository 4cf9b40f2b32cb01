// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <ctime>
#include <fstream>
#include <span>
#include <string>
#include <string_view>

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

/// The most address space that this process ever had.
std::int64_t peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (std::int64_t kib = 0; word == "VmPeak:" && status >> kib)
      return kib * 1024;
  ADD_FAILURE() << "no VmPeak";
  return 0;
}

/// Calls `change` on the bytes that follow every `mark`; at least one must.
template <class Change>
void change_after(test::Bytes& file, std::string_view mark,
                  Change const& change) {
  auto const wanted = std::as_bytes(std::span(mark));
  int count = 0;
  auto from = file.begin();
  while (true) {
    from = std::search(from, file.end(), wanted.begin(), wanted.end());
    if (file.end() - from < 16) break;
    from += static_cast<std::ptrdiff_t>(mark.size());
    change(&*from);
    ++count;
  }
  EXPECT_GT(count, 0);
}

// 15360 x 15360 is near the largest that FFmpeg has: 354 MB a frame in 4:2:0,
// and 31 MB of tables where only the sequence header says so.
test::Bytes vp9_frames_beyond_their_header() {
  auto file = load(
      make_video("large.avi",
                 "-f lavfi -i testsrc2=s=80x48:r=12:d=0.5 -pix_fmt yuv420p "
                 "-c:v libvpx-vp9"));
  change_after(file, "\x49\x83\x42", [](std::byte* size) {
    // Width - 1 and height - 1 begin amid a byte: ?3 bf f3 bf f?
    size[0] = (size[0] & std::byte{0xf0}) | std::byte{0x03};
    size[1] = std::byte{0xbf};
    size[2] = std::byte{0xf3};
    size[3] = std::byte{0xbf};
    size[4] = (size[4] & std::byte{0x0f}) | std::byte{0xf0};
  });
  return file;
}

test::Bytes mpeg_frames_of_no_header(std::string const& name) {
  auto file = load(make_video(
      // FFmpeg refuses pictures of far too few bytes for their size.
      name,
      "-f lavfi -i testsrc2=s=320x240:r=25:d=0.2,noise=alls=60 -c:v mpeg2video "
      "-q:v 1"));
  change_after(file, std::string_view("\0\0\1\xb3", 4), [](std::byte* size) {
    size[0] = std::byte{0xc0};  // the lower 12 bits of each
    size[1] = std::byte{0x0c};
    size[2] = std::byte{0};
  });
  change_after(file, std::string_view("\0\0\1\xb5\x14", 5),
               [](std::byte* extension) {
                 extension[0] |= std::byte{0x01};  // the upper two of each
                 extension[1] |= std::byte{0xe0};
               });
  return file;
}

TEST(Limits, no_room_is_made_for_frames_larger_than_allowed) {
  auto large_header = vp9_frames_beyond_their_header();
  change_after(large_header, std::string_view("strf(\0\0\0(\0\0\0", 12),
               [](std::byte* size) {
                 size[1] = size[5] = std::byte{0x3c};
                 size[0] = size[4] = std::byte{0};
               });
  for (auto const& file : {vp9_frames_beyond_their_header(), large_header,
                           mpeg_frames_of_no_header("large.ts"),
                           mpeg_frames_of_no_header("large.mpg")}) {
    auto const before = peak_bytes();
    auto const info = probe_video(file);
    EXPECT_FALSE(info);
    EXPECT_FALSE(VideoDecoder().decode(file, std::array{0}));
    EXPECT_LT(peak_bytes() - before, 24 << 20)
        << (info ? "" : info.error().what());
  }
  auto const info = probe_video(large_header);
  ASSERT_FALSE(info);
  EXPECT_NE(std::string(info.error().what()).find("frames of 15360 x 15360"),
            std::string::npos)
      << info.error().what();
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

/// Halts this thread, as a suspended job is, once it has worked for a while.
class Halt {
 public:
  Halt() {
    struct sigaction action {};
    action.sa_handler = [](int) {
      timespec const pause{.tv_sec = 2, .tv_nsec = 500'000'000};
      ::nanosleep(&pause, nullptr);
      num_halts += 1;
    };
    ::sigaction(SIGVTALRM, &action, &before_);
    itimerval const soon{.it_interval = {}, .it_value = {0, 20'000}};
    ::setitimer(ITIMER_VIRTUAL, &soon, nullptr);
  }
  ~Halt() {
    itimerval const never{};
    ::setitimer(ITIMER_VIRTUAL, &never, nullptr);
    ::sigaction(SIGVTALRM, &before_, nullptr);
  }
  Halt(Halt const&) = delete;
  Halt& operator=(Halt const&) = delete;

  static inline std::atomic<int> num_halts = 0;

 private:
  struct sigaction before_ {};
};

TEST(Limits, a_suspended_job_is_not_the_files_fault) {
  auto const path = make_video(
      "halted.mkv",
      "-f lavfi -i testsrc2=s=320x240:r=30:d=20 -pix_fmt yuv420p -c:v mpeg4 "
      "-q:v 5");
  DecodeLimits limits;
  limits.deadline_s = 2.0;
  Halt const halt;
  auto const info = probe_video(path, limits);
  ASSERT_TRUE(info) << info.error().what();
  EXPECT_EQ(info->num_frames, 600);
  EXPECT_EQ(Halt::num_halts, 1);
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
