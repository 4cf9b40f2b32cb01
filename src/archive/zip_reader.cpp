// SPDX-License-Identifier: Apache-2.0
#include "gasm/archive/zip_reader.hpp"

#include "libarchive.hpp"

namespace gasm {
namespace {

tl::unexpected<Error> bad_zip(std::filesystem::path const& path,
                              std::string const& why) {
  return failure("{} is no sound zip archive ({}). Try to fetch it again",
                 path.string(), why);
}

}  // namespace

Result<std::vector<ZipMember>> read_zip(std::filesystem::path const& path,
                                        ZipLimits const& limits) {
  constexpr std::size_t block_bytes = std::size_t{1} << 18;
  ReaderHandle const handle(archive_read_new());
  archive_read_support_filter_none(handle.get());
  archive_read_support_format_zip(handle.get());
  if (archive_read_open_filename(handle.get(), path.c_str(), block_bytes) !=
      ARCHIVE_OK)
    return bad_zip(path, archive_reason(handle.get()));
  std::vector<ZipMember> members;
  auto left_bytes = limits.max_bytes;
  for (;;) {
    archive_entry* entry = nullptr;
    int const code = archive_read_next_header(handle.get(), &entry);
    if (code == ARCHIVE_EOF) break;
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
      return bad_zip(path, archive_reason(handle.get()));
    if (entry_kind(entry) != MemberKind::file) continue;
    auto const name = entry_name(entry);
    if (archive_entry_is_encrypted(entry) != 0)
      return bad_zip(path, name + " is encrypted");
    if (std::ssize(members) == limits.max_members)
      return bad_zip(path,
                     fmt::format("more than {} files", limits.max_members));
    auto bytes = read_entry(handle.get(), left_bytes, name);
    if (!bytes) return bad_zip(path, bytes.error().what());
    left_bytes -= bytes->size();
    members.push_back({name, std::move(*bytes)});
  }
  if (members.empty()) return bad_zip(path, "it holds no file");
  return members;
}

}  // namespace gasm
