// SPDX-License-Identifier: Apache-2.0
#include "libarchive.hpp"

#include <algorithm>

namespace gasm {

std::string archive_reason(archive* handle) {
  char const* const text = archive_error_string(handle);
  return text == nullptr ? "no reason given" : text;
}

std::string entry_name(archive_entry* entry) {
  // The first is missing where the locale cannot spell a name of UTF-8.
  char const* name = archive_entry_pathname(entry);
  if (name == nullptr) name = archive_entry_pathname_utf8(entry);
  return name == nullptr ? "" : name;
}

MemberKind entry_kind(archive_entry* entry) {
  bool const is_link = archive_entry_hardlink(entry) != nullptr ||
                       archive_entry_symlink(entry) != nullptr;
  if (is_link) return MemberKind::other;
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      return MemberKind::file;
    case AE_IFDIR:
      return MemberKind::folder;
    default:
      return MemberKind::other;
  }
}

Result<std::vector<std::byte>> read_entry(archive* handle,
                                          std::uint64_t max_bytes,
                                          std::string const& what) {
  constexpr std::size_t piece_bytes = std::size_t{1} << 18;
  std::vector<std::byte> bytes;
  for (;;) {
    auto const size = bytes.size();
    bytes.resize(size + piece_bytes);
    auto const num =
        archive_read_data(handle, bytes.data() + size, piece_bytes);
    if (num < 0)
      return failure("{} cannot be unpacked ({})", what,
                     archive_reason(handle));
    bytes.resize(size + static_cast<std::size_t>(num));
    if (bytes.size() > max_bytes)
      return failure("{} has more than {} bytes (the limit for one file)", what,
                     max_bytes);
    if (num == 0) return bytes;
  }
}

}  // namespace gasm
