// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/store/clip_info.hpp"

/// The layout of clips.h5: what only the reader and the writer know.
namespace gasm::clip_file {

inline constexpr char const* schema = "gasm.clips";
inline constexpr std::uint64_t version = 1;

/// All of a file but the clips' bytes, read and checked.
struct Index {
  ClipStoreContents contents;
  std::vector<std::uint64_t> offsets;  // in `data`, N + 1
  std::uint64_t data_start = 0;        // of `data` in the file
  std::uint64_t data_hash = 0;
};

/// The clips' starts in `data`, and the end of the last.
std::vector<std::uint64_t> clip_offsets(ClipStoreContents const& contents);

Result<Index> read_index(std::filesystem::path const& path);

/// Writes everything but `data`, whose space is reserved on the disk.
Result<void> create(std::filesystem::path const& path,
                    ClipStoreContents const& contents);

}  // namespace gasm::clip_file
