// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/clip_store.hpp"

#include <utility>

#include "clip_file.hpp"
#include "gasm/base/hash.hpp"

namespace gasm {

Result<ClipStore> ClipStore::open(std::filesystem::path const& path,
                                  ByteCheck check) {
  auto file = DataFile::open(path);
  if (!file) return tl::unexpected(file.error());
  auto index = clip_file::read_index(path);
  if (!index) return tl::unexpected(index.error());

  ClipStore store;
  store.file_ = std::move(*file);
  store.contents_ = std::move(index->contents);
  store.offsets_ = std::move(index->offsets);
  store.data_start_ = index->data_start;
  store.data_hash_ = index->data_hash;
  store.check_ = check;
  if (check == ByteCheck::first_read)
    store.was_checked_ =
        std::make_unique<std::atomic<bool>[]>(store.contents_.clips.size());
  return store;
}

ClipInfo const& ClipStore::info(std::int64_t i) const {
  GASM_ASSERT(i >= 0 && i < size());
  return contents_.clips[static_cast<std::size_t>(i)];
}

Result<std::vector<std::byte>> ClipStore::bytes(std::int64_t i) const {
  auto const record = read_record(*this, i);
  if (!record) return tl::unexpected(record.error());
  return std::vector(record->parts[0].begin(), record->parts[0].end());
}

ByteRange ClipStore::range(std::int64_t i, std::size_t part) const {
  GASM_ASSERT(part == 0);
  return {data_start_ + offsets_[static_cast<std::size_t>(i)],
          info(i).num_bytes};
}

Result<void> ClipStore::check(std::int64_t i, RecordBytes const& bytes) const {
  auto const row = static_cast<std::size_t>(i);
  if (was_checked_ && was_checked_[row]) return {};
  auto const found = xxh64(bytes.parts[0]);
  if (found != info(i).xxh64)
    return failure(
        "clip '{}' of {} has changed (checksum {}, packed as {}). Try packing "
        "the videos again",
        info(i).id, path().string(), to_hex(found), to_hex(info(i).xxh64));
  if (was_checked_) was_checked_[row] = true;
  return {};
}

}  // namespace gasm
