// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/mount.h>

#include <filesystem>
#include <optional>
#include <string>

namespace gasm {

/// A disk of a given size, mounted on a folder until the end of the scope.
/// Needs the right to mount; mount() gives nothing without it.
class SmallDisk {
 public:
  static std::optional<SmallDisk> mount(std::filesystem::path const& folder,
                                        std::string const& size) {
    std::filesystem::create_directories(folder);
    if (::mount("none", folder.c_str(), "tmpfs", 0, ("size=" + size).c_str()) !=
        0)
      return std::nullopt;
    return SmallDisk(folder);
  }
  ~SmallDisk() {
    if (!folder_.empty()) ::umount2(folder_.c_str(), MNT_DETACH);
  }
  SmallDisk(SmallDisk&& other) noexcept { std::swap(folder_, other.folder_); }
  SmallDisk& operator=(SmallDisk&&) = delete;

 private:
  explicit SmallDisk(std::filesystem::path folder)
      : folder_(std::move(folder)) {}
  std::filesystem::path folder_;
};

}  // namespace gasm
