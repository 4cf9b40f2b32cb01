// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "gasm/base/file.hpp"
#include "gasm/base/result.hpp"
#include "gasm/video/decode_limits.hpp"

namespace gasm {

/// Reads a video file whose size is checked before any of it is read.
inline Result<std::vector<std::byte>> read_video(
    std::filesystem::path const& path, DecodeLimits const& limits) {
  std::error_code why;
  auto const size = std::filesystem::file_size(path, why);
  if (!why && size > static_cast<std::uintmax_t>(limits.max_file_bytes))
    return failure("video {} of {} bytes refused (limit max_file_bytes = {})",
                   path.string(), size, limits.max_file_bytes);
  return read_bytes(path);
}

/// The same error with the file's name in front.
inline tl::unexpected<Error> at_path(std::filesystem::path const& path,
                                     Error const& what) {
  return tl::unexpected<Error>(
      Error(path.string() + ": " + what.what(), what.code()));
}

}  // namespace gasm
