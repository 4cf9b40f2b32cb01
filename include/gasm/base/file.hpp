// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gasm/base/result.hpp"

namespace gasm {

/// The one seam through which the project writes ordinary files, so that
/// tests can make any write fail (set_write_fault; file_calls.hpp for what
/// else may happen to a file) and a full disk is met in one place. Every
/// function names the path and the reason on failure.

/// An append-only file. Writes are unbuffered; close() reports what the
/// destructor would have to swallow.
class FileWriter {
 public:
  enum class Mode { truncate, append };

  static Result<FileWriter> open(std::filesystem::path const& path, Mode mode);
  ~FileWriter();
  FileWriter(FileWriter&& other) noexcept;
  FileWriter& operator=(FileWriter&& other) noexcept;

  Result<void> write(std::span<std::byte const> bytes);
  Result<void> write(std::string_view text);
  /// Flushes the file's data to the disk (fsync).
  Result<void> sync();
  /// Cuts the file to its first `size_bytes` bytes: undoes a torn append.
  Result<void> truncate(std::uint64_t size_bytes);
  Result<void> close();
  std::uint64_t size_bytes() const;

 private:
  FileWriter(int fd, std::filesystem::path path)
      : fd_(fd), path_(std::move(path)) {}
  int fd_ = -1;
  std::filesystem::path path_;
};

/// A file that exists, written at any place by any number of threads (pwrite).
class PlacedWriter {
 public:
  static Result<PlacedWriter> open(std::filesystem::path const& path);
  ~PlacedWriter();
  PlacedWriter(PlacedWriter&& other) noexcept;
  PlacedWriter& operator=(PlacedWriter&& other) noexcept;

  /// `bytes` from byte `start` of the file on.
  Result<void> write(std::uint64_t start,
                     std::span<std::byte const> bytes) const;
  /// Flushes the file's data to the disk (fdatasync).
  Result<void> sync() const;

 private:
  PlacedWriter(int fd, std::filesystem::path path)
      : fd_(fd), path_(std::move(path)) {}
  int fd_ = -1;
  std::filesystem::path path_;
};

/// Writes a whole file so that a reader sees the old one or the new one,
/// never half of it: PATH.tmp-PID, fsync, rename, fsync of the folder.
Result<void> publish_file(std::filesystem::path const& path,
                          std::string_view contents);

/// Renames a finished folder or file into place and syncs its parent.
Result<void> publish_rename(std::filesystem::path const& from,
                            std::filesystem::path const& to);

/// Makes `link` point to `target` (a name beside it) atomically.
Result<void> publish_symlink(std::filesystem::path const& link,
                             std::string const& target);

/// Flushes the names in a folder to the disk.
Result<void> sync_folder(std::filesystem::path const& folder);

/// Creates a folder and its parents, so that their names outlive a crash.
Result<void> make_folder(std::filesystem::path const& path);

/// Removes a file, a link, or a folder with all that is in it; follows no
/// link. Nothing there is fine.
Result<void> remove_tree(std::filesystem::path const& path);

Result<std::string> read_text(std::filesystem::path const& path);
Result<std::vector<std::byte>> read_bytes(std::filesystem::path const& path);

/// Tests only: the n-th write from now on, and all after it, fail with
/// `error_number` (e.g. ENOSPC). n < 0 switches the fault off.
void set_write_fault(long n, int error_number);

}  // namespace gasm
