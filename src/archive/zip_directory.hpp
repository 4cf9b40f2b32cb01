// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>

#include "gasm/archive/stored_zip.hpp"

namespace gasm {

/// The number at a place of a structure of the format; little-endian.
template <class T>
T zip_number(std::span<std::byte const> bytes, std::size_t start) {
  T number{};
  GASM_ASSERT(start <= bytes.size() && bytes.size() - start >= sizeof(T));
  std::memcpy(&number, bytes.data() + start, sizeof(T));
  return number;
}

constexpr std::uint32_t zip_member_mark = 0x04034b50;
constexpr std::size_t zip_member_header_bytes = 30;

struct ZipDirectory {
  std::uint64_t start = 0;
  std::map<std::string, StoredMember> members;
};

/// Finds, reads and checks the directory. An error says what is wrong, not of
/// which file.
ZipDirectory read_zip_directory(PlacedReader const& file);

}  // namespace gasm
