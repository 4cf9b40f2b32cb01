// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "gasm/base/file.hpp"

namespace gasm::test {

using Bytes = std::vector<std::byte>;
using Pixels = std::vector<std::uint8_t>;

/// What a shell command writes to standard output; fails the test if the
/// command fails.
inline Pixels output_of(std::string const& command) {
  Pixels output;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) {
    ADD_FAILURE() << "cannot run " << command;
    return output;
  }
  std::array<std::uint8_t, 1 << 16> buffer{};
  while (auto const count = std::fread(buffer.data(), 1, buffer.size(), pipe))
    output.insert(output.end(), buffer.begin(),
                  buffer.begin() + static_cast<std::ptrdiff_t>(count));
  EXPECT_EQ(::pclose(pipe), 0) << command;
  return output;
}

/// A folder that is gone when the test program ends.
inline std::filesystem::path const& scratch_folder() {
  struct Folder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() /
        ("gasm-video-test-" + std::to_string(::getpid()));
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
  };
  static Folder const folder;
  return folder.path;
}

/// Makes a video with the ffmpeg tool from its `arguments` (sources, codec);
/// `name` gives the container by its ending.
inline std::filesystem::path make_video(std::string const& name,
                                        std::string const& arguments) {
  auto const path = scratch_folder() / name;
  output_of("ffmpeg -nostdin -v error -y " + arguments + " " + path.string() +
            " </dev/null");
  return path;
}

inline Bytes load(std::filesystem::path const& path) {
  return value_or_throw(read_bytes(path));
}

/// The frames of a video as the ffmpeg tool converts them to RGB, after the
/// filters named, all of them ("select=eq(n\\,3)" keeps one). `scale` is a size
/// as the tool's scale filter takes it. The way leads over full chroma
/// resolution: straight from 4:2:0, FFmpeg 5.1 shifts chroma half a row.
inline Pixels oracle_rgb(std::filesystem::path const& path,
                         std::string const& filters,
                         std::string const& scale = "iw:ih") {
  std::string const flags =
      ":flags=bilinear+accurate_rnd+full_chroma_int+full_chroma_inp,";
  return output_of("ffmpeg -nostdin -v error -i " + path.string() +
                   " -map 0:v:0 -vf '" + filters + ",scale=" + scale + flags +
                   "format=yuv444p|yuvj444p|gbrp,scale=iw:ih" + flags +
                   "format=rgb24' -fps_mode passthrough -f rawvideo - "
                   "</dev/null");
}

struct Difference {
  int max = 0;
  double mean = 0.0;
};

inline Difference difference(std::span<std::uint8_t const> a,
                             std::span<std::uint8_t const> b) {
  EXPECT_EQ(a.size(), b.size());
  Difference d;
  if (a.size() != b.size() || a.empty()) return {255, 255.0};
  for (std::size_t i = 0; i < a.size(); ++i) {
    int const step = std::abs(int{a[i]} - int{b[i]});
    d.max = std::max(d.max, step);
    d.mean += step;
  }
  d.mean /= static_cast<double>(a.size());
  return d;
}

}  // namespace gasm::test
