// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/store/clip_store.hpp"
#include "gasm/store/feature_info.hpp"
#include "gasm/store/sample_store.hpp"

namespace gasm {

/// A features.h5 file, open for reading: what backbones made of V views of
/// each of N clips, `semantic` and `motion` f16 or f32 [N, V, S, L, D],
/// contiguous, with a checksum a view. docs/formats.md has the details.
///
/// A record is one view of a clip: clip * V + view. Its parts are the streams
/// that there are, semantic first.
///
/// Not collective: every rank opens the file on its own. Only open() calls
/// HDF5, so it must not run on two threads at once; all else reads the file
/// directly and is thread-safe.
class FeatureStore : public SampleStore {
 public:
  /// Reads and checks all but the features. Fails, naming the path, for a file
  /// that is missing, not HDF5, of another schema or version, still being
  /// written, shorter than it says, or whose columns were changed.
  static Result<FeatureStore> open(std::filesystem::path const& path,
                                   ByteCheck check = ByteCheck::every_read);

  FeatureStoreContents const& contents() const { return contents_; }
  std::int64_t num_views() const { return contents_.num_views; }
  /// Empty for a stream that is not there.
  ChannelStatistics const& semantic_statistics() const {
    return semantic_statistics_;
  }
  ChannelStatistics const& motion_statistics() const {
    return motion_statistics_;
  }
  /// The record of a view. 0 <= view < num_views() (asserted).
  std::int64_t record_of(std::int64_t clip, std::int64_t view) const;
  /// The class of what a record shows: that of the mirrored clip where the
  /// view is mirrored and its class has a partner.
  std::int64_t record_label(std::int64_t record) const;

  std::int64_t size() const override {
    return static_cast<std::int64_t>(contents_.clips.size());
  }
  std::string const& id(std::int64_t i) const override;
  std::int64_t label(std::int64_t i) const override;
  std::vector<std::string> const& classes() const override {
    return contents_.classes;
  }
  std::string const& split() const override { return contents_.split; }
  /// XXH64 over the views' checksums and labels, the statistics, and the index
  /// hash.
  std::uint64_t data_hash() const override { return data_hash_; }

  std::int64_t num_records() const override { return contents_.num_records(); }
  std::size_t num_parts() const override { return parts_.size(); }
  ByteRange range(std::int64_t record, std::size_t part) const override;
  Result<void> check(std::int64_t record,
                     RecordBytes const& bytes) const override;
  DataFile const& file() const override { return file_; }

 private:
  struct Part {
    std::uint64_t start = 0;         ///< in the file
    std::uint64_t record_bytes = 0;  ///< of one view
  };

  FeatureStore() = default;

  FeatureStoreContents contents_;
  std::vector<Part> parts_;
  std::vector<std::uint64_t> xxh64_;       // [N * V]
  std::vector<std::int16_t> view_labels_;  // [N * V]
  ChannelStatistics semantic_statistics_;
  ChannelStatistics motion_statistics_;
  std::uint64_t data_hash_ = 0;
  DataFile file_;
  ByteCheck check_ = ByteCheck::every_read;
  std::unique_ptr<std::atomic<bool>[]> was_checked_;
};

}  // namespace gasm
