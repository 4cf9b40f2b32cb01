// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/data_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace gasm {

Result<DataFile> DataFile::open(std::filesystem::path const& path) {
  DataFile file;
  file.path_ = path;
  file.fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file.fd_ < 0)
    return failure("cannot open {} ({})", path.string(), errno_text(errno));
  struct stat info {};
  if (::fstat(file.fd_, &info) != 0 || !S_ISREG(info.st_mode))
    return failure("cannot read {} (not a regular file)", path.string());
  return file;
}

DataFile::~DataFile() {
  if (fd_ >= 0) ::close(fd_);
}

DataFile::DataFile(DataFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

DataFile& DataFile::operator=(DataFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

Result<void> DataFile::read(std::uint64_t start,
                            std::span<std::byte> out) const {
  // One call moves at most 2 GiB; 64 MiB also keeps interrupts cheap.
  constexpr std::size_t max_piece_bytes = std::size_t{64} << 20;
  while (!out.empty()) {
    auto const piece = std::min(out.size(), max_piece_bytes);
    ssize_t const num =
        ::pread(fd_, out.data(), piece, static_cast<off_t>(start));
    if (num < 0 && errno == EINTR) continue;
    if (num < 0)
      return failure("cannot read {} at byte {} ({})", path_.string(), start,
                     errno_text(errno));
    if (num == 0)
      return failure("{} ends at byte {}, {} bytes too early", path_.string(),
                     start, out.size());
    start += static_cast<std::uint64_t>(num);
    out = out.subspan(static_cast<std::size_t>(num));
  }
  return {};
}

Result<std::uint64_t> DataFile::size_bytes() const {
  struct stat info {};
  if (::fstat(fd_, &info) != 0)
    return failure("cannot read the size of {} ({})", path_.string(),
                   errno_text(errno));
  return static_cast<std::uint64_t>(info.st_size);
}

Result<void> DataFile::sync() const {
  if (::fsync(fd_) != 0)
    return failure("cannot flush {} ({})", path_.string(), errno_text(errno));
  return {};
}

Result<void> DataFile::drop_cached() const {
  // Pages that are not written yet cannot be dropped.
  if (auto clean = sync(); !clean) return clean;
  if (int const code = ::posix_fadvise(fd_, 0, 0, POSIX_FADV_DONTNEED);
      code != 0)
    return failure("cannot drop {} from memory ({})", path_.string(),
                   errno_text(code));
  return {};
}

}  // namespace gasm
