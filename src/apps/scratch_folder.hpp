// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace gasm {

/// A new folder within another, removed with all that it holds by the
/// destructor.
class ScratchFolder {
 public:
  /// Throws Error if there can be none.
  explicit ScratchFolder(std::filesystem::path const& within);
  ~ScratchFolder();
  ScratchFolder(ScratchFolder const&) = delete;
  ScratchFolder& operator=(ScratchFolder const&) = delete;

  std::filesystem::path const& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace gasm
