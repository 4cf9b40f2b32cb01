// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/file_calls.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>

namespace gasm {
namespace {

std::atomic<FileCalls*> calls_in_use{nullptr};

}  // namespace

int FileCalls::open(char const* path, int flags, mode_t mode) {
  return ::open(path, flags, mode);
}

ssize_t FileCalls::write(int fd, void const* bytes, std::size_t count) {
  return ::write(fd, bytes, count);
}

ssize_t FileCalls::pwrite(int fd, void const* bytes, std::size_t count,
                          off_t start) {
  return ::pwrite(fd, bytes, count, start);
}

int FileCalls::ftruncate(int fd, off_t size) { return ::ftruncate(fd, size); }

int FileCalls::fsync(int fd) { return ::fsync(fd); }

int FileCalls::fdatasync(int fd) { return ::fdatasync(fd); }

int FileCalls::close(int fd) { return ::close(fd); }

int FileCalls::sync_folder(char const* path) {
  int const fd = ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // A folder that may be written to and not read, and network file systems
  // that refuse fsync on a folder: what was done in it stands.
  if (fd < 0) return errno == EACCES ? 0 : -1;
  (void)::fsync(fd);
  ::close(fd);
  return 0;
}

int FileCalls::rename(char const* from, char const* to) {
  return ::rename(from, to);
}

int FileCalls::exchange(char const* first, char const* second) {
  return ::renameat2(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE);
}

int FileCalls::symlink(char const* target, char const* link) {
  return ::symlink(target, link);
}

int FileCalls::mkdir(char const* path, mode_t mode) {
  return ::mkdir(path, mode);
}

int FileCalls::remove(char const* path) { return ::remove(path); }

FileCalls& file_calls() {
  static FileCalls of_the_system;
  auto* const other = calls_in_use.load();
  return other ? *other : of_the_system;
}

void set_file_calls(FileCalls* calls) { calls_in_use = calls; }

}  // namespace gasm
