// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "gasm/base/result.hpp"
#include "gasm/store/record_file.hpp"

namespace gasm {

class Communicator;

/// Records whose bytes are not those that were written, and what is wrong.
using ChangedRecords = std::map<std::int64_t, std::string>;

/// Consecutive records in memory, part by part, as they lie in the file: what
/// a rank keeps of a store.
class RecordSlab {
 public:
  RecordSlab() = default;
  /// The records first .. last - 1 in `memory`, num_record_bytes() of it.
  /// `file` must outlive the slab. Reads nothing.
  RecordSlab(RecordFile const& file, std::int64_t first, std::int64_t last,
             std::span<std::byte> memory);

  std::int64_t first() const { return first_; }
  std::int64_t last() const { return last_; }

  /// Share `index` of `num_shares` of the records, read in large pieces and
  /// checked, by `num_threads` threads. What is wrong with records that were
  /// changed; fails if the file cannot be read.
  Result<ChangedRecords> fill(int index, int num_shares, int num_threads = 1);

  /// first() <= record < last() (asserted).
  RecordBytes bytes(std::int64_t record) const;

 private:
  Result<ChangedRecords> fill_share(int index, int num_shares) const;

  RecordFile const* file_ = nullptr;
  std::int64_t first_ = 0;
  std::int64_t last_ = 0;
  /// Of each part: its memory, and where that begins in the file.
  std::array<std::span<std::byte>, kMaxRecordParts> parts_;
  std::array<std::uint64_t, kMaxRecordParts> starts_{};
};

/// Threads with which one of `ranks_here` ranks of a machine fills its share:
/// those cores that nobody else has, 1 to 8.
int num_fill_threads(int ranks_here);

/// The records that share `index` of `num_shares` holds: about the same number
/// of records each; shares may be empty.
struct RecordRange {
  std::int64_t first = 0;
  std::int64_t last = 0;
};
RecordRange record_share(std::int64_t num_records, int index, int num_shares);

/// What all ranks found. Collective.
ChangedRecords gather_changed(Communicator const& world,
                              ChangedRecords const& own);

}  // namespace gasm
