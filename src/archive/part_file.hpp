// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "gasm/base/result.hpp"

namespace gasm {

/// A file read once from front to back.
class PartFile {
 public:
  static Result<PartFile> open(std::filesystem::path const& path);
  ~PartFile();
  PartFile(PartFile&& other) noexcept;
  PartFile& operator=(PartFile&& other) noexcept;

  /// Fills the front of `out`; 0 at the end.
  Result<std::size_t> read(std::span<std::byte> out);

 private:
  PartFile(int fd, std::filesystem::path path)
      : fd_(fd), path_(std::move(path)) {}
  int fd_ = -1;
  std::filesystem::path path_;
};

}  // namespace gasm
