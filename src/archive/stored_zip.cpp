// SPDX-License-Identifier: Apache-2.0
#include "gasm/archive/stored_zip.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>

#include "zip_directory.hpp"

namespace gasm {
namespace {

/// So little that a piece is still in the cache when its checksum is taken.
constexpr std::size_t piece_bytes = std::size_t{1} << 20;

}  // namespace

Result<StoredZip> StoredZip::open(std::filesystem::path const& path) {
  auto file = PlacedReader::open(path);
  if (!file) return tl::unexpected(file.error());
  StoredZip zip(std::move(*file));
  try {
    auto directory = read_zip_directory(zip.file_);
    zip.directory_start_ = directory.start;
    zip.members_ = std::move(directory.members);
  } catch (Error const& failed) {
    return failure("{} is no sound zip archive ({}). Try to fetch it again",
                   path.string(), failed.what());
  }
  return zip;
}

Result<void> StoredZip::read(std::string const& name,
                             std::span<std::byte> out) const {
  auto const path = file_.path().string();
  auto const found = members_.find(name);
  if (found == members_.end()) return failure("{} has no {}", path, name);
  auto const& member = found->second;
  GASM_ASSERT(out.size() == member.num_bytes);
  if (!member.is_stored)
    return failure("{} in {} is compressed or encrypted", name, path);
  auto const bad = [&](char const* why) {
    return failure("{} is no sound zip archive ({}: {}). Try to fetch it again",
                   path, name, why);
  };
  std::array<std::byte, zip_member_header_bytes> header{};
  auto done = file_.read(member.header_start, header);
  if (!done) return done;
  if (zip_number<std::uint32_t>(header, 0) != zip_member_mark)
    return bad("there is no member where the directory says");
  auto const name_bytes = zip_number<std::uint16_t>(header, 26);
  std::string own_name(name_bytes, '\0');
  done = file_.read(member.header_start + header.size(),
                    std::as_writable_bytes(std::span(own_name)));
  if (!done) return done;
  if (own_name != name) return bad("the directory has another name for it");
  auto start = member.header_start + header.size() + name_bytes +
               zip_number<std::uint16_t>(header, 28);
  if (start > directory_start_ || directory_start_ - start < out.size())
    return bad("it is said to lie outside of the file");
  uLong sum = crc32_z(0, nullptr, 0);
  while (!out.empty()) {
    auto const piece = out.first(std::min(out.size(), piece_bytes));
    done = file_.read(start, piece);
    if (!done) return done;
    sum = crc32_z(sum, reinterpret_cast<Bytef const*>(piece.data()),
                  piece.size());
    start += piece.size();
    out = out.subspan(piece.size());
  }
  if (sum != member.crc32)
    return bad(member.crc32 == 0 ? "its checksum is wrong or was left out"
                                 : "its checksum is wrong");
  return {};
}

bool starts_like_zip(std::span<std::byte const> first_bytes) {
  return first_bytes.size() >= 4 &&
         zip_number<std::uint32_t>(first_bytes, 0) == zip_member_mark;
}

}  // namespace gasm
