// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "gasm/base/file_calls.hpp"

namespace gasm {

/// A disk that fails, lies, or is cut off at a given call, in the place of the
/// system's calls while it lives (after leveldb's fault-injecting Env).
class FaultyFiles : public FileCalls {
 public:
  enum class Fault {
    none,
    no_space_once,  ///< the call fails, later ones do not
    io_error_once,
    no_space,     ///< the call and all after it fail
    short_write,  ///< half of a write is done, then the disk is full
    crash,        ///< the call and all after it are never made
  };
  enum class Names { kept, lost };

  FaultyFiles() { set_file_calls(this); }
  ~FaultyFiles() override { set_file_calls(nullptr); }

  /// At the call that is counted `point` from 0 and from now on.
  void fail_at(long point, Fault fault) {
    num_calls_ = 0;
    point_ = point;
    fault_ = fault;
  }
  /// From now on fsync of a file returns at once, and keeps nothing.
  void lie_about_sync() { lies_ = true; }
  /// From now on it knows no exchange of names, as some file systems.
  void refuse_exchange() { knows_exchange_ = false; }
  long num_calls() const { return num_calls_; }

  /// The machine is switched on again: bytes of files below `root` that were
  /// not synced are gone, and with Names::lost new names that were not, too.
  /// What was removed stays removed: the worst that may happen.
  void lose_power(std::filesystem::path const& root, Names names) {
    fault_ = Fault::none;
    lies_ = false;
    if (names == Names::lost)
      for (; !pending_.empty(); pending_.pop_back()) undo(pending_.back());
    pending_.clear();
    for (auto const& entry :
         std::filesystem::recursive_directory_iterator(root)) {
      if (!entry.is_regular_file() || entry.is_symlink()) continue;
      auto const known = synced_bytes_.find(inode_of(entry.path().c_str()));
      if (known != synced_bytes_.end())
        std::filesystem::resize_file(entry.path(), known->second);
    }
    synced_bytes_.clear();
  }

  int open(char const* path, int flags, mode_t mode) override {
    std::lock_guard const lock(mutex_);
    if (fails()) return -1;
    bool const is_new = ::access(path, F_OK) != 0;
    int const fd = FileCalls::open(path, flags, mode);
    if (fd < 0) return fd;
    struct stat info {};
    ::fstat(fd, &info);
    if (is_new || info.st_size == 0)
      synced_bytes_[info.st_ino] = 0;
    else
      synced_bytes_.try_emplace(info.st_ino, info.st_size);
    if (is_new) pending_.push_back({Kind::create, {}, path, {}});
    return fd;
  }
  ssize_t write(int fd, void const* bytes, std::size_t count) override {
    std::lock_guard const lock(mutex_);
    bool const is_here = num_calls_ == point_ && fault_ == Fault::short_write;
    if (is_here && count > 1) {
      ++num_calls_;
      return FileCalls::write(fd, bytes, count / 2);
    }
    return fails() ? -1 : FileCalls::write(fd, bytes, count);
  }
  int fsync(int fd) override {
    std::lock_guard const lock(mutex_);
    if (fails()) return -1;
    if (lies_) return 0;
    struct stat info {};
    ::fstat(fd, &info);
    synced_bytes_[info.st_ino] = static_cast<std::uintmax_t>(info.st_size);
    return 0;  // this disk's word is all that counts
  }
  int sync_folder(char const* path) override {
    std::lock_guard const lock(mutex_);
    if (fails()) return -1;
    std::erase_if(pending_, [&](Change const& change) {
      return change.to.parent_path() == std::filesystem::path(path);
    });
    return 0;
  }
  int rename(char const* from, char const* to) override {
    std::lock_guard const lock(mutex_);
    if (fails()) return -1;
    Change change{Kind::rename, from, to, {}};
    if (std::filesystem::is_symlink(to))
      change.old_target = std::filesystem::read_symlink(to);
    if (int const done = FileCalls::rename(from, to); done != 0) return done;
    for (auto& earlier : pending_) move(earlier, from, to);
    pending_.push_back(std::move(change));
    return 0;
  }
  int exchange(char const* first, char const* second) override {
    std::lock_guard const lock(mutex_);
    if (fails()) return -1;
    if (!knows_exchange_) {
      errno = EINVAL;
      return -1;
    }
    int const done = FileCalls::exchange(first, second);
    if (done != 0) return done;
    for (auto& earlier : pending_) swap_names(earlier, first, second);
    pending_.push_back({Kind::exchange, first, second, {}});
    return 0;
  }
  int symlink(char const* target, char const* link) override {
    std::lock_guard const lock(mutex_);
    if (fails()) return -1;
    int const done = FileCalls::symlink(target, link);
    if (done == 0) pending_.push_back({Kind::create, {}, link, {}});
    return done;
  }
  int mkdir(char const* path, mode_t mode) override {
    std::lock_guard const lock(mutex_);
    if (fails()) return -1;
    int const done = FileCalls::mkdir(path, mode);
    if (done == 0) pending_.push_back({Kind::create, {}, path, {}});
    return done;
  }
  int remove(char const* path) override {
    std::lock_guard const lock(mutex_);
    if (fails()) return -1;
    auto const inode = inode_of(path);
    int const done = FileCalls::remove(path);
    if (done != 0) return done;
    synced_bytes_.erase(inode);
    std::erase_if(pending_, [&](Change const& c) { return c.to == path; });
    return 0;
  }

 private:
  enum class Kind { create, rename, exchange };
  struct Change {
    Kind kind;
    std::filesystem::path from, to;
    std::filesystem::path old_target;  ///< of the link that was replaced
  };

  bool fails() {
    long const here = num_calls_++;
    bool const is_once =
        fault_ == Fault::no_space_once || fault_ == Fault::io_error_once;
    if (fault_ == Fault::none || here < point_ || (is_once && here > point_))
      return false;
    errno =
        fault_ == Fault::io_error_once || fault_ == Fault::crash ? EIO : ENOSPC;
    return true;
  }

  static ino_t inode_of(char const* path) {
    struct stat info {};
    return ::lstat(path, &info) == 0 ? info.st_ino : 0;
  }

  /// `path`, if it is `from` or below it, below `to`.
  static bool move(std::filesystem::path& path,
                   std::filesystem::path const& from,
                   std::filesystem::path const& to) {
    auto const [end, rest] =
        std::mismatch(from.begin(), from.end(), path.begin(), path.end());
    if (end != from.end()) return false;
    auto moved = to;
    for (auto part = rest; part != path.end(); ++part) moved /= *part;
    path = moved;
    return true;
  }

  static void move(Change& change, std::filesystem::path const& from,
                   std::filesystem::path const& to) {
    for (auto* path : {&change.from, &change.to}) move(*path, from, to);
  }

  static void swap_names(Change& change, std::filesystem::path const& first,
                         std::filesystem::path const& second) {
    for (auto* path : {&change.from, &change.to})
      if (!move(*path, first, second)) move(*path, second, first);
  }

  void undo(Change const& change) {
    std::error_code ignored;
    if (change.kind == Kind::create) {
      std::filesystem::remove_all(change.to, ignored);
      return;
    }
    if (change.kind == Kind::exchange) {
      // One of the two may have been removed since.
      auto const aside = change.to.string() + ".aside";
      std::filesystem::rename(change.to, aside, ignored);
      std::filesystem::rename(change.from, change.to, ignored);
      std::filesystem::rename(aside, change.from, ignored);
      for (auto& earlier : pending_)
        if (&earlier != &change) swap_names(earlier, change.from, change.to);
      return;
    }
    std::filesystem::rename(change.to, change.from, ignored);
    if (!change.old_target.empty())
      std::filesystem::create_symlink(change.old_target, change.to, ignored);
    for (auto& earlier : pending_)
      if (&earlier != &change) move(earlier, change.to, change.from);
  }

  std::mutex mutex_;
  Fault fault_ = Fault::none;
  long point_ = 0;
  long num_calls_ = 0;
  bool lies_ = false;
  bool knows_exchange_ = true;
  std::map<ino_t, std::uintmax_t> synced_bytes_;
  std::vector<Change> pending_;  ///< names that were not synced
};

}  // namespace gasm
