// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "gasm/base/result.hpp"

namespace gasm {

/// A file open for reading at any place by any number of threads (pread).
class DataFile {
 public:
  DataFile() = default;
  static Result<DataFile> open(std::filesystem::path const& path);
  ~DataFile();
  DataFile(DataFile&& other) noexcept;
  DataFile& operator=(DataFile&& other) noexcept;

  /// Fills `out` with the bytes from `start` on. Fails if there are fewer.
  Result<void> read(std::uint64_t start, std::span<std::byte> out) const;
  Result<std::uint64_t> size_bytes() const;
  /// Waits until this machine's writes to the file are on the disk, and
  /// reports those that failed late.
  Result<void> sync() const;
  /// Asks the system to drop what it keeps of the file in memory, so that the
  /// next read comes from where the file lies.
  Result<void> drop_cached() const;
  std::filesystem::path const& path() const { return path_; }

 private:
  int fd_ = -1;
  std::filesystem::path path_;
};

}  // namespace gasm
