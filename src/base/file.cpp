// SPDX-License-Identifier: Apache-2.0
#include "gasm/base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "gasm/base/file_calls.hpp"
#include "write_failure.hpp"

namespace gasm {
namespace {

std::atomic<long> writes_until_fault{-1};
std::atomic<int> fault_errno{0};

/// True when a test asked for this write to fail; sets errno.
bool injected_fault() {
  long const left = writes_until_fault.load();
  if (left < 0) return false;
  if (left > 0) {
    --writes_until_fault;
    return false;
  }
  errno = fault_errno;
  return true;
}

/// `path` and its parents, of which errors speak as of `wanted`.
Result<void> make_folder_for(std::filesystem::path const& wanted,
                             std::filesystem::path const& path) {
  std::error_code none;
  if (path.empty() || std::filesystem::is_directory(path, none)) return {};
  auto const parent = path.parent_path();
  if (auto done = make_folder_for(wanted, parent); !done) return done;
  if (file_calls().mkdir(path.c_str(), 0777) == 0) return sync_folder(parent);
  int why = errno;
  // Made meanwhile by another rank: as good as made here.
  if (why == EEXIST && std::filesystem::is_directory(path, none)) return {};
  if (why == EEXIST) why = ENOTDIR;
  return failure("cannot create the folder {} ({}){}", wanted.string(),
                 errno_text(why), advice_on(why));
}

}  // namespace

void set_write_fault(long n, int error_number) {
  fault_errno = error_number;
  writes_until_fault = n;
}

Result<FileWriter> FileWriter::open(std::filesystem::path const& path,
                                    Mode mode) {
  int const flags = O_WRONLY | O_CREAT | O_CLOEXEC |
                    (mode == Mode::append ? O_APPEND : O_TRUNC);
  int const fd =
      injected_fault() ? -1 : file_calls().open(path.c_str(), flags, 0644);
  if (fd < 0) return write_failure(path, "create");
  return FileWriter(fd, path);
}

FileWriter::~FileWriter() {
  if (fd_ >= 0) file_calls().close(fd_);
}

FileWriter::FileWriter(FileWriter&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

FileWriter& FileWriter::operator=(FileWriter&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

Result<void> FileWriter::write(std::span<std::byte const> bytes) {
  while (!bytes.empty()) {
    ssize_t const num =
        injected_fault() ? -1
                         : file_calls().write(fd_, bytes.data(), bytes.size());
    if (num < 0 && errno == EINTR) continue;
    if (num < 0) return write_failure(path_, "write");
    bytes = bytes.subspan(static_cast<std::size_t>(num));
  }
  return {};
}

Result<void> FileWriter::write(std::string_view text) {
  return write(std::as_bytes(std::span(text)));
}

Result<void> FileWriter::sync() {
  if (injected_fault() || file_calls().fsync(fd_) != 0)
    return write_failure(path_, "flush");
  return {};
}

Result<void> FileWriter::truncate(std::uint64_t size_bytes) {
  if (file_calls().ftruncate(fd_, static_cast<off_t>(size_bytes)) != 0)
    return write_failure(path_, "cut");
  return {};
}

Result<void> FileWriter::close() {
  int const fd = std::exchange(fd_, -1);
  if (fd >= 0 && file_calls().close(fd) != 0)
    return write_failure(path_, "close");
  return {};
}

std::uint64_t FileWriter::size_bytes() const {
  struct stat info {};
  return ::fstat(fd_, &info) == 0 ? static_cast<std::uint64_t>(info.st_size)
                                  : 0;
}

Result<PlacedWriter> PlacedWriter::open(std::filesystem::path const& path) {
  int const fd = injected_fault()
                     ? -1
                     : file_calls().open(path.c_str(), O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) return write_failure(path, "open");
  return PlacedWriter(fd, path);
}

PlacedWriter::~PlacedWriter() {
  if (fd_ >= 0) file_calls().close(fd_);
}

PlacedWriter::PlacedWriter(PlacedWriter&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

PlacedWriter& PlacedWriter::operator=(PlacedWriter&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

Result<void> PlacedWriter::write(std::uint64_t start,
                                 std::span<std::byte const> bytes) const {
  while (!bytes.empty()) {
    ssize_t const num =
        injected_fault() ? -1
                         : file_calls().pwrite(fd_, bytes.data(), bytes.size(),
                                               static_cast<off_t>(start));
    if (num < 0 && errno == EINTR) continue;
    if (num < 0) return write_failure(path_, "write");
    start += static_cast<std::uint64_t>(num);
    bytes = bytes.subspan(static_cast<std::size_t>(num));
  }
  return {};
}

Result<void> PlacedWriter::sync() const {
  if (injected_fault() || file_calls().fdatasync(fd_) != 0)
    return write_failure(path_, "flush");
  return {};
}

Result<void> publish_file(std::filesystem::path const& path,
                          std::string_view contents) {
  auto temporary = path;
  temporary += fmt::format(".tmp-{}", ::getpid());
  auto const write_all = [&]() -> Result<void> {
    auto writer = FileWriter::open(temporary, FileWriter::Mode::truncate);
    if (!writer) return tl::unexpected(writer.error());
    if (auto done = writer->write(contents); !done) return done;
    if (auto done = writer->sync(); !done) return done;
    return writer->close();
  };
  auto done = write_all();
  if (done) done = publish_rename(temporary, path);
  if (!done) (void)file_calls().remove(temporary.c_str());
  return done;
}

Result<void> publish_rename(std::filesystem::path const& from,
                            std::filesystem::path const& to) {
  if (injected_fault() || file_calls().rename(from.c_str(), to.c_str()) != 0)
    return write_failure(to, "put in place");
  return sync_folder(to.parent_path());
}

Result<void> publish_symlink(std::filesystem::path const& link,
                             std::string const& target) {
  auto temporary = link;
  temporary += fmt::format(".tmp-{}", ::getpid());
  (void)file_calls().remove(temporary.c_str());
  if (injected_fault() ||
      file_calls().symlink(target.c_str(), temporary.c_str()) != 0)
    return write_failure(link, "create");
  auto done = publish_rename(temporary, link);
  if (!done) (void)file_calls().remove(temporary.c_str());
  return done;
}

Result<void> sync_folder(std::filesystem::path const& folder) {
  auto const path = folder.empty() ? std::filesystem::path(".") : folder;
  if (file_calls().sync_folder(path.c_str()) != 0)
    return write_failure(path, "flush");
  return {};
}

Result<void> make_folder(std::filesystem::path const& path) {
  return make_folder_for(path, path);
}

Result<void> remove_tree(std::filesystem::path const& path) {
  std::error_code why;
  auto const kind = std::filesystem::symlink_status(path, why).type();
  if (kind == std::filesystem::file_type::not_found) return {};
  if (kind == std::filesystem::file_type::directory) {
    std::vector<std::filesystem::path> entries;
    for (auto const& entry : std::filesystem::directory_iterator(path, why))
      entries.push_back(entry.path());
    for (auto const& entry : entries)
      if (auto done = remove_tree(entry); !done) return done;
  }
  if (file_calls().remove(path.c_str()) != 0 && errno != ENOENT)
    return write_failure(path, "remove");
  return {};
}

Result<std::string> read_text(std::filesystem::path const& path) {
  auto bytes = read_bytes(path);
  if (!bytes) return tl::unexpected(bytes.error());
  return std::string(reinterpret_cast<char const*>(bytes->data()),
                     bytes->size());
}

Result<std::vector<std::byte>> read_bytes(std::filesystem::path const& path) {
  int const fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return failure("cannot read {} ({})", path.string(), errno_text(errno));
  std::vector<std::byte> bytes;
  struct stat info {};
  if (::fstat(fd, &info) == 0 && info.st_size > 0)
    bytes.reserve(static_cast<std::size_t>(info.st_size));
  std::vector<std::byte> block(1 << 20);
  for (;;) {
    ssize_t const num = ::read(fd, block.data(), block.size());
    if (num < 0 && errno == EINTR) continue;
    if (num < 0) {
      int const why = errno;
      ::close(fd);
      return failure("cannot read {} ({})", path.string(), errno_text(why));
    }
    if (num == 0) break;
    bytes.insert(bytes.end(), block.begin(), block.begin() + num);
  }
  ::close(fd);
  return bytes;
}

}  // namespace gasm
