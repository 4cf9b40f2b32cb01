// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gasm/base/file.hpp"
#include "gasm/base/file_lock.hpp"
#include "gasm/base/result.hpp"

namespace gasm {

class Communicator;

struct JobJournalOptions {
  /// First line of every file, one of JSON: files with another one are not
  /// believed.
  std::string header;
  bool start_anew = false;      ///< remove what is there
  double lock_patience_s = 10;  ///< for a job that is about to end
};

/// What jobs that were interrupted have done: a folder of files
/// run-N-rank-R.jsonl, one for each rank of each job, of whole lines.
class JobJournal {
 public:
  /// Reads what is there and begins a file of this rank's own. Collective;
  /// throws the same Error on all ranks if the folder cannot be used or
  /// another job writes there.
  static JobJournal open(Communicator const& comm,
                         std::filesystem::path const& folder,
                         JobJournalOptions const& options);

  /// The lines of earlier jobs without headers, in the order of the jobs, then
  /// of the ranks. The same on all ranks.
  std::string const& earlier_lines() const { return earlier_lines_; }

  /// Appends whole lines: all of them or, if that fails, none.
  Result<void> append(std::string_view lines);
  Result<void> sync() { return file_.sync(); }

 private:
  JobJournal(FileWriter file, std::optional<FileLock> lock, std::string lines)
      : file_(std::move(file)),
        lock_(std::move(lock)),
        earlier_lines_(std::move(lines)) {}

  FileWriter file_;
  std::optional<FileLock> lock_;  // the root's, for all
  std::string earlier_lines_;
};

}  // namespace gasm
