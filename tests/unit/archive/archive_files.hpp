// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "gasm/base/file.hpp"
#include "gasm/base/rng.hpp"
#include "support/clip_files.hpp"
#include "support/temp_folder.hpp"

namespace gasm {

/// Bytes that no compressor makes smaller.
inline std::string noise(std::size_t num_bytes, std::uint64_t seed) {
  Rng rng({11, seed});
  std::string bytes;
  while (bytes.size() < num_bytes) {
    auto const word = rng.u64();
    bytes.append(reinterpret_cast<char const*>(&word), sizeof word);
  }
  bytes.resize(num_bytes);
  return bytes;
}

inline void put(std::filesystem::path const& path, std::string const& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string get(std::filesystem::path const& path) {
  return value_or_throw(read_text(path));
}

/// What the gzip tool makes of the bytes.
inline std::string gzipped(TempFolder const& folder, std::string const& bytes) {
  auto const path = folder / "to-gzip";
  put(path, bytes);
  output_of("gzip -nf " + path.string());
  return get(folder / "to-gzip.gz");
}

/// FOLDER/NAME-00, -01, ... of `part_bytes` each but the last.
inline int split_into(std::filesystem::path const& folder,
                      std::string const& name, std::string const& bytes,
                      std::size_t part_bytes) {
  std::filesystem::create_directories(folder);
  int number = 0;
  for (std::size_t at = 0; at < bytes.size(); at += part_bytes)
    put(folder / fmt::format("{}-{:02}", name, number++),
        bytes.substr(at, part_bytes));
  return number;
}

}  // namespace gasm
