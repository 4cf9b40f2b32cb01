// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "gasm/base/clock.hpp"
#include "gasm/base/duration_text.hpp"
#include "gasm/base/file.hpp"
#include "gasm/base/host_name.hpp"
#include "gasm/base/log.hpp"

namespace gasm {
namespace {

constexpr auto kPause = std::chrono::milliseconds(100);

/// 0, or the reason why there is no lock.
int lock_within(int fd, double patience_s) {
  double const end_s = monotonic_s() + patience_s;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    bool const is_held = errno == EWOULDBLOCK;
    if (!is_held && errno != EINTR) return errno;
    if (is_held && monotonic_s() >= end_s) return EWOULDBLOCK;
    std::this_thread::sleep_for(kPause);
  }
  return 0;
}

/// Who holds it, and since when: the holder wrote the file when it began.
std::string holder_of(std::filesystem::path const& path) {
  auto const text = read_text(path);
  auto who = text ? text->substr(0, text->find('\n')) : "";
  if (who.empty()) who = "another process";
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) return who;
  return fmt::format(
      "{}, for {}", who,
      duration_text(unix_time_s() - static_cast<double>(file.st_mtime)));
}

}  // namespace

Result<FileLock> FileLock::take(std::filesystem::path const& path,
                                double patience_s) {
  int const fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0)
    return failure("cannot create {} ({}). Try a folder that you may write to",
                   path.string(), errno_text(errno));
  FileLock lock(fd);
  int const why = lock_within(fd, patience_s);
  if (why == EWOULDBLOCK)
    return failure(
        "{} is in use ({}). Try to wait until that process ends, or another "
        "folder",
        path.parent_path().string(), holder_of(path));
  if (why != 0) {
    log_warn(
        "{} cannot be locked ({}): nothing keeps a second job from writing "
        "there",
        path.string(), errno_text(why));
    return lock;
  }
  auto const holder =
      fmt::format("host {}, process {}\n", host_name(), ::getpid());
  // For the message above only: the lock holds without it.
  if (::ftruncate(fd, 0) == 0) [[maybe_unused]]
    auto const ignored = ::write(fd, holder.data(), holder.size());
  return lock;
}

LockState lock_state(std::filesystem::path const& path) {
  int const fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? LockState::free : LockState::unknown;
  // A shared lock, and for a moment only: who waits for the lock tries again.
  bool const is_mine = ::flock(fd, LOCK_SH | LOCK_NB) == 0;
  bool const is_held = !is_mine && errno == EWOULDBLOCK;
  ::close(fd);
  if (is_mine) return LockState::free;
  return is_held ? LockState::held : LockState::unknown;
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

FileLock::FileLock(FileLock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

}  // namespace gasm
