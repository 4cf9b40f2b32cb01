// SPDX-License-Identifier: Apache-2.0
#include "part_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace gasm {

Result<PartFile> PartFile::open(std::filesystem::path const& path) {
  int const fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return failure("cannot open {} ({})", path.string(), errno_text(errno));
  // A larger read-ahead; no harm where the file system knows no advice.
  (void)::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  return PartFile(fd, path);
}

PartFile::~PartFile() {
  if (fd_ >= 0) ::close(fd_);
}

PartFile::PartFile(PartFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

PartFile& PartFile::operator=(PartFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

Result<std::size_t> PartFile::read(std::span<std::byte> out) {
  for (;;) {
    ssize_t const num = ::read(fd_, out.data(), out.size());
    if (num >= 0) return static_cast<std::size_t>(num);
    if (errno != EINTR)
      return failure("cannot read {} ({})", path_.string(), errno_text(errno));
  }
}

}  // namespace gasm
