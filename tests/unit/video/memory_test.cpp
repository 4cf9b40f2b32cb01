// SPDX-License-Identifier: Apache-2.0
// Memory stays flat over as many files as a job of days reads per core in an
// hour: intact ones, truncated ones and ones with changed bytes.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <string>
#include <vector>

#include "ffmpeg_tool.hpp"
#include "gasm/base/rng.hpp"
#include "gasm/video/video_decoder.hpp"
#include "gasm/video/video_encoder.hpp"
#include "gasm/video/video_info.hpp"

namespace gasm {
namespace {

using test::Bytes;

constexpr int kNumFrames = 4;
constexpr int kNumDecodes = 20000;

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t total = 0;
  std::int64_t resident = 0;
  statm >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

Bytes make_webm(int width, int height) {
  Rng rng({5, static_cast<std::uint64_t>(width)});
  std::vector<std::uint8_t> rgb(
      static_cast<std::size_t>(3 * kNumFrames * width * height));
  for (auto& value : rgb) value = static_cast<std::uint8_t>(rng.below(256));
  return value_or_throw(encode_vp9_webm(rgb, width, height));
}

/// Intact files of two sizes and another codec, and damaged copies of each.
std::vector<Bytes> make_files() {
  std::vector<Bytes> files{
      make_webm(32, 24), make_webm(40, 32),
      test::load(test::make_video(
          "memory.avi",
          "-f lavfi -i testsrc2=s=32x24:r=12 -frames:v 4 -c:v mpeg4"))};
  auto const num_intact = files.size();
  Rng rng(9);
  for (std::size_t i = 0; i < 12; ++i) {
    auto file = files[i % num_intact];
    if (i % 4 == 0) {
      file.resize(file.size() * (i + 1) / 14);
    } else {
      for (int n = 0; n < 8; ++n)
        file[static_cast<std::size_t>(
            rng.below(static_cast<std::int64_t>(file.size())))] ^=
            static_cast<std::byte>(1 + rng.below(255));
    }
    files.push_back(std::move(file));
  }
  return files;
}

TEST(Memory, grows_less_than_2_mb_over_20000_decodes) {
  auto const files = make_files();
  VideoDecoder decoder;
  int num_whole = 0;
  int num_not_whole = 0;
  auto const decode_some = [&](int count) {
    for (int i = 0; i < count; ++i) {
      // Two of three are intact, as no real data set is less.
      auto const n = static_cast<std::size_t>(i);
      auto const& file = n % 3 == 2 ? files[3 + n / 3 % 12] : files[n / 3 % 3];
      auto const block =
          decoder.decode(file, std::array{0, kNumFrames - 1}, {{}, 24, 16, 0});
      bool const is_whole =
          block && block->num_missing == 0 && block->num_corrupt_packets == 0;
      ++(is_whole ? num_whole : num_not_whole);
      if (i % 50 == 0) {
        (void)decoder.count_frames(file);
        (void)verify_video(file);
        (void)VideoDecoder().decode(file, std::array{1});
      }
    }
  };
  decode_some(1000);
  auto const before = resident_bytes();
  decode_some(kNumDecodes);
  auto const grown_bytes = resident_bytes() - before;
  RecordProperty("grown_bytes", std::to_string(grown_bytes));
  EXPECT_LT(grown_bytes, 2'000'000);
  EXPECT_GT(num_whole, kNumDecodes / 2);
  EXPECT_GT(num_not_whole, kNumDecodes / 10);
}

}  // namespace
}  // namespace gasm
