// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/placed_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace gasm {

Result<PlacedReader> PlacedReader::open(std::filesystem::path const& path) {
  // Without O_NONBLOCK a pipe would wait for its writer.
  int const fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return failure("cannot open {} ({})", path.string(), errno_text(errno));
  PlacedReader reader(fd, 0, path);
  struct stat status {};
  if (::fstat(fd, &status) != 0)
    return failure("cannot read {} ({})", path.string(), errno_text(errno));
  if (!S_ISREG(status.st_mode))
    return failure("cannot read {} (it is no ordinary file)", path.string());
  reader.size_bytes_ = static_cast<std::uint64_t>(status.st_size);
  return reader;
}

PlacedReader::~PlacedReader() {
  if (fd_ >= 0) ::close(fd_);
}

PlacedReader::PlacedReader(PlacedReader&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      size_bytes_(other.size_bytes_),
      path_(std::move(other.path_)) {}

PlacedReader& PlacedReader::operator=(PlacedReader&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(size_bytes_, other.size_bytes_);
  std::swap(path_, other.path_);
  return *this;
}

Result<void> PlacedReader::read(std::uint64_t start,
                                std::span<std::byte> out) const {
  while (!out.empty()) {
    auto const num =
        ::pread(fd_, out.data(), out.size(), static_cast<off_t>(start));
    if (num < 0 && errno == EINTR) continue;
    if (num < 0)
      return failure("cannot read {} ({})", path_.string(), errno_text(errno));
    if (num == 0)
      return failure("cannot read {} (it ends {} bytes too early)",
                     path_.string(), out.size());
    start += static_cast<std::uint64_t>(num);
    out = out.subspan(static_cast<std::size_t>(num));
  }
  return {};
}

}  // namespace gasm
