// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gasm/base/hash.hpp"
#include "gasm/base/rng.hpp"
#include "gasm/store/clip_info.hpp"
#include "gasm/store/write_clip_store.hpp"

namespace gasm {

/// Clips of made-up bytes for tests of the store.
struct FakeClips {
  ClipStoreContents contents;
  std::vector<std::vector<std::byte>> bytes;

  ClipBytes source() const {
    return [this](std::int64_t i) -> Result<std::vector<std::byte>> {
      return bytes[static_cast<std::size_t>(i)];
    };
  }
};

/// One clip for each size. Labels go 0, 1, 2, -1 (not known), 0, ...
inline FakeClips fake_clips(std::vector<std::size_t> const& sizes_bytes) {
  FakeClips clips;
  clips.contents.split = "train";
  clips.contents.classes = {"Pushing something", "Lifting a caf\u00e9 cup",
                            "Doing nothing"};
  for (std::size_t i = 0; i < sizes_bytes.size(); ++i) {
    Rng rng({7, i});
    std::vector<std::byte> bytes(sizes_bytes[i]);
    for (std::size_t at = 0; at < bytes.size(); at += 8) {
      auto const word = rng.u64();
      std::memcpy(bytes.data() + at, &word,
                  std::min<std::size_t>(8, bytes.size() - at));
    }
    ClipInfo info;
    info.id = std::to_string(i * i + 1);
    info.label = static_cast<std::int16_t>(i % 4 == 3 ? -1 : i % 4);
    info.num_frames = static_cast<std::uint32_t>(20 + i);
    info.width = static_cast<std::uint16_t>(427 + i);
    info.height = 240;
    info.num_bytes = bytes.size();
    info.xxh64 = xxh64(bytes);
    clips.contents.clips.push_back(info);
    clips.bytes.push_back(std::move(bytes));
  }
  return clips;
}

/// Standard output of a command; throws if it fails.
inline std::string output_of(std::string const& command) {
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  std::string text;
  char block[4096];
  for (std::size_t num = 0;
       (num = std::fread(block, 1, sizeof block, pipe)) > 0;)
    text.append(block, num);
  if (::pclose(pipe) != 0) throw std::runtime_error("failed: " + command);
  return text;
}

/// The bytes of a dataset as HDF5's own tool h5dump writes them out.
inline std::string dump_raw(std::filesystem::path const& file,
                            std::string const& dataset) {
  auto const raw = file.string() + ".raw";
  output_of(fmt::format("h5dump -d /{} -b LE -o {} {} > /dev/null", dataset,
                        raw, file.string()));
  auto text = output_of("cat " + raw);
  std::filesystem::remove(raw);
  return text;
}

/// The values of a column as bytes, in memory order.
template <class T>
std::string raw_bytes(std::vector<T> const& values) {
  return {reinterpret_cast<char const*>(values.data()),
          values.size() * sizeof(T)};
}

}  // namespace gasm
