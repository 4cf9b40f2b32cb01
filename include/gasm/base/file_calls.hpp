// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace gasm {

/// What the project asks of the system in order to write, publish and remove
/// ordinary files. Each member is the call of its name: -1 and errno on
/// failure. file.hpp goes through these alone, so that a test can let any of
/// them fail, lie, or be the last one before a crash (set_file_calls).
/// Members may be called from any thread.
class FileCalls {
 public:
  virtual ~FileCalls() = default;

  virtual int open(char const* path, int flags, mode_t mode);
  virtual ssize_t write(int fd, void const* bytes, std::size_t count);
  virtual ssize_t pwrite(int fd, void const* bytes, std::size_t count,
                         off_t start);
  virtual int ftruncate(int fd, off_t size);
  virtual int fsync(int fd);
  virtual int fdatasync(int fd);
  virtual int close(int fd);
  /// fsync of a folder, by its path.
  virtual int sync_folder(char const* path);
  virtual int rename(char const* from, char const* to);
  /// renameat2 with RENAME_EXCHANGE: each gets the other's name.
  virtual int exchange(char const* first, char const* second);
  virtual int symlink(char const* target, char const* link);
  virtual int mkdir(char const* path, mode_t mode);
  /// A file, a link, or an empty folder.
  virtual int remove(char const* path);
};

/// Those in use.
FileCalls& file_calls();

/// Tests only: `calls`, which must outlive its use, takes the place of the
/// system's; nullptr: the system's again.
void set_file_calls(FileCalls* calls);

}  // namespace gasm
