// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "gasm/base/placed_reader.hpp"

namespace gasm {

/// What the directory of a zip archive says of one member.
struct StoredMember {
  std::uint64_t num_bytes = 0;
  std::uint64_t header_start = 0;  ///< in the archive
  std::uint32_t crc32 = 0;
  bool is_stored = false;  ///< neither compressed nor encrypted
};

/// A large zip archive (APPNOTE.TXT 6.3, ZIP64 too) whose members are stored
/// as they are, read at any place straight into the caller's memory. Members
/// that are compressed are listed but cannot be read.
///
/// The directory at the end of the file is the only list. open() refuses an
/// archive in which it does not end where the file ends, contradicts itself,
/// names a member twice, or lets members overlap: so all members together are
/// no larger than the file.
class StoredZip {
 public:
  static Result<StoredZip> open(std::filesystem::path const& path);

  /// By name, as the archive spells it. Folders are left out.
  std::map<std::string, StoredMember> const& members() const {
    return members_;
  }
  std::uint64_t size_bytes() const { return file_.size_bytes(); }

  /// Reads a whole member and compares its checksum. `out` has its size. Fails,
  /// naming the member, if there is none of that name, if it is not stored,
  /// or damaged. May be called by several threads.
  Result<void> read(std::string const& name, std::span<std::byte> out) const;

 private:
  explicit StoredZip(PlacedReader file) : file_(std::move(file)) {}

  PlacedReader file_;
  std::map<std::string, StoredMember> members_;
  std::uint64_t directory_start_ = 0;
};

/// Does the file begin as a zip archive with a member does?
bool starts_like_zip(std::span<std::byte const> first_bytes);

}  // namespace gasm
