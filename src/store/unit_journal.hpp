// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gasm/base/file.hpp"
#include "gasm/base/file_lock.hpp"

namespace gasm {

class Communicator;

/// What the units of an unfinished file hold.
struct UnitRecord {
  std::vector<std::uint64_t> xxh64;       // of each clip's views
  std::vector<std::int16_t> view_labels;  // the same
};
using UnitRecords = std::map<std::int64_t, UnitRecord>;

/// The units that are safely on the disk: a folder of run-N-rank-R.jsonl
/// (docs/formats.md). Of a unit that is named twice the later line counts.
class UnitJournal {
 public:
  /// Reads what is there, or removes it, and begins a file of this rank's
  /// own. `file_hash` names what the units are of: lines of another file are
  /// not believed. Collective; throws the same Error on all ranks if the
  /// folder cannot be used or another job writes there.
  static UnitJournal open(Communicator const& comm,
                          std::filesystem::path const& folder,
                          std::string const& file_hash, bool start_anew);

  /// What was there. The same on all ranks.
  UnitRecords const& units() const { return units_; }

  /// Appends units and puts the journal on the disk.
  Result<void> append(UnitRecords const& units);
  /// These units do not count any more. To be called on all ranks for all such
  /// units: their lines may be in any rank's file.
  Result<void> drop(std::vector<std::int64_t> const& units);

 private:
  UnitJournal(FileWriter file, std::optional<FileLock> lock)
      : file_(std::move(file)), lock_(std::move(lock)) {}
  Result<void> put(std::string const& text);

  FileWriter file_;
  std::optional<FileLock> lock_;  // the root's, for all
  UnitRecords units_;
};

/// One line of the journal; also how units travel between ranks.
std::string to_line(std::int64_t unit, UnitRecord const& record);
/// Reads such lines into `units`; damaged ones are passed over.
void read_lines(std::string const& text, UnitRecords& units);

}  // namespace gasm
