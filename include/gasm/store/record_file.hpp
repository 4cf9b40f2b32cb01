// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "gasm/base/result.hpp"
#include "gasm/store/data_file.hpp"

namespace gasm {

/// Where some bytes of a file lie.
struct ByteRange {
  std::uint64_t start = 0;
  std::uint64_t size = 0;

  std::uint64_t end() const { return start + size; }
  bool operator==(ByteRange const&) const = default;
};

inline constexpr std::size_t kMaxRecordParts = 2;

/// The bytes of one record, and who keeps them alive. Parts that the file
/// does not have are empty.
struct RecordBytes {
  std::array<std::span<std::byte const>, kMaxRecordParts> parts;
  std::shared_ptr<void const> owner;  ///< null: whoever gave it outlives it
};

/// Where the parts of one record shall go.
using RecordPlaces = std::array<std::span<std::byte>, kMaxRecordParts>;

/// A file of samples as the store modes see it (record_reader.hpp). A record
/// is one video file of clips.h5, or one view of a clip of features.h5. It has
/// the same number of parts in every record, and the ranges of a part follow
/// each other without gaps in the order of the records.
class RecordFile {
 public:
  virtual ~RecordFile() = default;

  virtual std::int64_t num_records() const = 0;
  virtual std::size_t num_parts() const = 0;  ///< 1 to kMaxRecordParts
  /// 0 <= record < num_records(), part < num_parts() (asserted).
  virtual ByteRange range(std::int64_t record, std::size_t part) const = 0;
  /// Compares the bytes with their checksum. Fails, naming path and sample.
  virtual Result<void> check(std::int64_t record,
                             RecordBytes const& bytes) const = 0;
  virtual DataFile const& file() const = 0;

 protected:
  RecordFile() = default;
  RecordFile(RecordFile&&) = default;
  RecordFile& operator=(RecordFile&&) = default;
};

/// All records of one part.
ByteRange part_range(RecordFile const& file, std::size_t part);

/// Bytes of all parts of the records first .. last - 1.
std::uint64_t num_record_bytes(RecordFile const& file, std::int64_t first,
                               std::int64_t last);

/// Reads a record and checks it.
Result<RecordBytes> read_record(RecordFile const& file, std::int64_t record);

/// The same: part p to into[p], which has its size (asserted).
Result<void> read_record_into(RecordFile const& file, std::int64_t record,
                              RecordPlaces const& into);

}  // namespace gasm
