// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/store/clip_info.hpp"
#include "gasm/store/data_file.hpp"
#include "gasm/store/sample_store.hpp"

namespace gasm {

/// When the bytes of a clip are compared with their checksum.
enum class ByteCheck {
  every_read,
  first_read,  ///< of each clip, by this object
};

/// A clips.h5 file, open for reading: video files packed one after the other
/// (`data` u8 [total]) with one row a clip in the columns `offset` u64 [N+1],
/// `label` i16, `id`, `num_frames` u32, `width` u16, `height` u16 and `xxh64`
/// u64 [N], and the names in `classes` [K]. docs/formats.md has the details.
///
/// Not collective: every rank opens the file on its own. Only open() calls
/// HDF5, so it must not run on two threads at once; all else reads the file
/// directly and is thread-safe.
class ClipStore : public SampleStore {
 public:
  /// Reads and checks all columns. Fails, naming the path, for a file that is
  /// missing, not HDF5, of another schema or version, shorter than its
  /// columns say, or whose columns do not fit together or were changed.
  static Result<ClipStore> open(std::filesystem::path const& path,
                                ByteCheck check = ByteCheck::every_read);

  /// Number of clips, at least 1.
  std::int64_t size() const override {
    return static_cast<std::int64_t>(contents_.clips.size());
  }
  /// 0 <= i < size() in all that follows (asserted).
  ClipInfo const& info(std::int64_t i) const;

  /// The video file of clip i. Fails, naming path and clip, if the bytes
  /// cannot be read or are not those that were packed.
  Result<std::vector<std::byte>> bytes(std::int64_t i) const;

  std::string const& id(std::int64_t i) const override { return info(i).id; }
  std::int64_t label(std::int64_t i) const override { return info(i).label; }
  std::vector<std::string> const& classes() const override {
    return contents_.classes;
  }
  std::string const& split() const override { return contents_.split; }
  ClipStoreContents const& contents() const { return contents_; }
  /// Sum of the clips' sizes.
  std::uint64_t total_bytes() const { return offsets_.back(); }
  /// clip_info.hpp; verified by open().
  std::uint64_t data_hash() const override { return data_hash_; }

  /// A record is a clip, of one part.
  std::int64_t num_records() const override { return size(); }
  std::size_t num_parts() const override { return 1; }
  ByteRange range(std::int64_t i, std::size_t part) const override;
  Result<void> check(std::int64_t i, RecordBytes const& bytes) const override;
  DataFile const& file() const override { return file_; }

 private:
  ClipStore() = default;

  ClipStoreContents contents_;
  std::vector<std::uint64_t> offsets_;  // of clips in `data`, N + 1 of them
  std::uint64_t data_start_ = 0;        // of `data` in the file, bytes
  std::uint64_t data_hash_ = 0;
  DataFile file_;
  ByteCheck check_ = ByteCheck::every_read;
  std::unique_ptr<std::atomic<bool>[]> was_checked_;
};

}  // namespace gasm
