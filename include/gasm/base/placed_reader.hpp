// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "gasm/base/result.hpp"

namespace gasm {

/// A file read at any place by any number of threads (pread): the counterpart
/// of PlacedWriter. A file that shrinks meanwhile is an error, not a signal,
/// as it would be with mapped memory.
class PlacedReader {
 public:
  /// Fails on what is no ordinary file, e.g. a folder or a pipe.
  static Result<PlacedReader> open(std::filesystem::path const& path);
  ~PlacedReader();
  PlacedReader(PlacedReader&& other) noexcept;
  PlacedReader& operator=(PlacedReader&& other) noexcept;

  /// Fills `out` with the bytes from `start` on. Fails if there are fewer.
  Result<void> read(std::uint64_t start, std::span<std::byte> out) const;
  /// As it was when the file was opened.
  std::uint64_t size_bytes() const { return size_bytes_; }
  std::filesystem::path const& path() const { return path_; }

 private:
  PlacedReader(int fd, std::uint64_t size_bytes, std::filesystem::path path)
      : fd_(fd), size_bytes_(size_bytes), path_(std::move(path)) {}
  int fd_ = -1;
  std::uint64_t size_bytes_ = 0;
  std::filesystem::path path_;
};

}  // namespace gasm
