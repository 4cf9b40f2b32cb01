// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/comm/job_journal.hpp"

namespace gasm {

class Communicator;

/// What the units of an unfinished file hold.
struct UnitRecord {
  std::vector<std::uint64_t> xxh64;       // of each clip's views
  std::vector<std::int16_t> view_labels;  // the same
};
using UnitRecords = std::map<std::int64_t, UnitRecord>;

/// The units that are safely on the disk, a JobJournal (docs/formats.md). Of a
/// unit that is named twice the later line counts.
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
  explicit UnitJournal(JobJournal file) : file_(std::move(file)) {}
  Result<void> put(std::string const& lines);

  JobJournal file_;
  UnitRecords units_;
};

/// One line of the journal; also how units travel between ranks.
std::string to_line(std::int64_t unit, UnitRecord const& record);
/// Reads such lines into `units`; damaged ones are passed over.
void read_lines(std::string const& text, UnitRecords& units);

}  // namespace gasm
