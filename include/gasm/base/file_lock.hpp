// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "gasm/base/result.hpp"

namespace gasm {

/// Keeps a second process from writing where one writes already: flock() on a
/// file, which the system gives back however the process ends.
class FileLock {
 public:
  /// Creates `path` if need be, locks it and writes host and process into it.
  /// Waits up to `patience_s` for a holder that is about to end, then fails
  /// and names it, and for how long it has held the lock. On a file system
  /// without locks it warns and holds nothing.
  static Result<FileLock> take(std::filesystem::path const& path,
                               double patience_s);
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;  // -1: holds nothing
};

enum class LockState {
  free,  ///< also: there is no such file
  held,
  unknown,  ///< the file cannot be read, or its file system has no locks
};

/// Whether a process holds the lock now. Touches nothing, and disturbs nobody
/// who waits for it.
LockState lock_state(std::filesystem::path const& path);

}  // namespace gasm
