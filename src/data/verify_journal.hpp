// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>

#include "gasm/base/file.hpp"
#include "gasm/base/file_lock.hpp"
#include "gasm/base/result.hpp"
#include "gasm/data/verify.hpp"

namespace gasm {

class Communicator;

/// What a file looked like when it was verified: another size or time of
/// change means another file.
struct FileStamp {
  std::uint64_t num_bytes = 0;
  std::int64_t changed_ns = 0;  ///< Unix time

  bool operator==(FileStamp const&) const = default;
};
Result<FileStamp> stamp_of(std::filesystem::path const& path);

/// The good videos of verifications that did not come to a good end, a folder
/// of FOLDER/run-N-rank-R.jsonl (docs/formats.md): a line is written when a
/// video is done, so that a killed job loses one video a rank at most. Files
/// of an other folder of videos, or of another FFmpeg, are not believed.
class VerifyJournal {
 public:
  /// Reads what is there (unless `use` is start_anew) and begins a file of
  /// this rank's own. Collective; throws on all ranks if the folder cannot be
  /// read or written, or another job verifies into it.
  static VerifyJournal open(Communicator const& comm,
                            std::filesystem::path const& folder,
                            std::filesystem::path const& videos_dir,
                            JournalUse use);

  /// The record of a file that was found good and has not changed since.
  std::optional<VideoRecord> find(std::string const& id,
                                  std::string const& file,
                                  FileStamp const& stamp) const;

  /// Keeps the record of a good video.
  Result<void> append(VideoRecord const& record, FileStamp const& stamp);

 private:
  struct Entry {
    VideoRecord record;
    FileStamp stamp;
  };

  explicit VerifyJournal(FileWriter file, std::optional<FileLock> lock)
      : file_(std::move(file)), lock_(std::move(lock)) {}
  void read(std::string const& text, std::string const& header);

  FileWriter file_;
  std::optional<FileLock> lock_;  // the root's, for all
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace gasm
