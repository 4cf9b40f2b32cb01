// SPDX-License-Identifier: Apache-2.0
#include "gasm/store/feature_store.hpp"

#include <utility>

#include "feature_file.hpp"
#include "gasm/base/hash.hpp"

namespace gasm {

Result<FeatureStore> FeatureStore::open(std::filesystem::path const& path,
                                        ByteCheck check) {
  auto file = DataFile::open(path);
  if (!file) return tl::unexpected(file.error());
  auto index = feature_file::read_index(path);
  if (!index) return tl::unexpected(index.error());
  if (index->data_hash == 0)
    return failure(
        "{} is still being written (its extraction has not come to its end). "
        "Try again later, or start gasm extract again if it was stopped",
        path.string());

  FeatureStore store;
  store.file_ = std::move(*file);
  store.contents_ = std::move(index->contents);
  if (store.contents_.semantic)
    store.parts_.push_back(
        {index->places.semantic, store.contents_.semantic_bytes()});
  if (store.contents_.motion)
    store.parts_.push_back(
        {index->places.motion, store.contents_.motion_bytes()});
  store.xxh64_ = std::move(index->xxh64);
  store.view_labels_ = std::move(index->view_labels);
  store.semantic_statistics_ = std::move(index->statistics.semantic);
  store.motion_statistics_ = std::move(index->statistics.motion);
  store.data_hash_ = index->data_hash;
  store.check_ = check;
  if (check == ByteCheck::first_read)
    store.was_checked_ =
        std::make_unique<std::atomic<bool>[]>(store.xxh64_.size());
  return store;
}

std::int64_t FeatureStore::record_of(std::int64_t clip,
                                     std::int64_t view) const {
  GASM_ASSERT(clip >= 0 && clip < size() && view >= 0 && view < num_views());
  return clip * num_views() + view;
}

std::int64_t FeatureStore::record_label(std::int64_t record) const {
  GASM_ASSERT(record >= 0 && record < num_records());
  return view_labels_[static_cast<std::size_t>(record)];
}

std::string const& FeatureStore::id(std::int64_t i) const {
  GASM_ASSERT(i >= 0 && i < size());
  return contents_.clips[static_cast<std::size_t>(i)].id;
}

std::int64_t FeatureStore::label(std::int64_t i) const {
  GASM_ASSERT(i >= 0 && i < size());
  return contents_.clips[static_cast<std::size_t>(i)].label;
}

ByteRange FeatureStore::range(std::int64_t record, std::size_t part) const {
  GASM_ASSERT(record >= 0 && record < num_records() && part < parts_.size());
  auto const& here = parts_[part];
  return {here.start + static_cast<std::uint64_t>(record) * here.record_bytes,
          here.record_bytes};
}

Result<void> FeatureStore::check(std::int64_t record,
                                 RecordBytes const& bytes) const {
  auto const row = static_cast<std::size_t>(record);
  if (was_checked_ && was_checked_[row]) return {};
  Xxh64 hash;
  for (auto const& part : bytes.parts) hash.update(part);
  if (hash.digest() != xxh64_[row])
    return failure(
        "the features of clip '{}' (view {}) in {} have changed (checksum {}, "
        "written as {}). Try gasm extract again",
        id(record / num_views()), record % num_views(), path().string(),
        to_hex(hash.digest()), to_hex(xxh64_[row]));
  if (was_checked_) was_checked_[row] = true;
  return {};
}

}  // namespace gasm
