// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/metrics_follower.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "json_lines.hpp"

namespace gasm {
namespace {

/// A file that is read, closed at the end of the scope.
class OpenFile {
 public:
  explicit OpenFile(std::filesystem::path const& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(OpenFile const&) = delete;
  OpenFile& operator=(OpenFile const&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

void MetricsFollower::forget() {
  lines_.clear();
  rest_.clear();
  num_damaged_ = 0;
  offset_bytes_ = 0;
}

Result<void> MetricsFollower::update() {
  auto const cannot_read = [&] {
    return failure("cannot read {} ({})", path_.string(), errno_text(errno));
  };
  OpenFile const file(path_);
  if (file.fd() < 0) {
    if (errno != ENOENT) return cannot_read();
    forget();
    return {};
  }
  struct stat now {};
  if (::fstat(file.fd(), &now) != 0) return cannot_read();
  if (now.st_ino != inode_ ||
      static_cast<std::uint64_t>(now.st_size) < offset_bytes_)
    forget();
  inode_ = now.st_ino;

  std::array<char, 1 << 16> block{};
  for (;;) {
    auto const count = ::pread(file.fd(), block.data(), block.size(),
                               static_cast<off_t>(offset_bytes_));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot_read();
    if (count == 0) break;
    rest_.append(block.data(), static_cast<std::size_t>(count));
    offset_bytes_ += static_cast<std::uint64_t>(count);
  }
  auto whole = record_detail::whole_lines(rest_);
  auto const num_bytes = whole.size();
  while (!whole.empty()) {
    auto line = parse_metrics_line(record_detail::take_line(whole));
    if (line)
      lines_.push_back(*std::move(line));
    else
      ++num_damaged_;
  }
  rest_.erase(0, num_bytes);
  return {};
}

}  // namespace gasm
