// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "gasm/base/result.hpp"
#include "gasm/comm/job_journal.hpp"
#include "gasm/data/verify.hpp"

namespace gasm {

class Communicator;

/// What a video looked like when it was verified: another stamp means another
/// video. A slice has its own size and place, and the time of the file that
/// holds it, so that a change of that file is one of all videos in it.
struct VideoStamp {
  std::uint64_t num_bytes = 0;
  std::uint64_t offset = 0;     ///< 0 for a file of its own
  std::int64_t changed_ns = 0;  ///< Unix time

  bool operator==(VideoStamp const&) const = default;
};
Result<VideoStamp> stamp_of(VideoSource const& source, VideoPlace const& place);

/// The good videos of verifications that did not come to a good end, a
/// JobJournal (docs/formats.md): a line is written when a
/// video is done, so that a killed job loses one video a rank at most. Files
/// of other places of videos, or of another FFmpeg, are not believed.
class VerifyJournal {
 public:
  /// Reads what is there (unless `use` is start_anew) and begins a file of
  /// this rank's own. Collective; throws on all ranks if the folder cannot be
  /// read or written, or another job verifies into it.
  static VerifyJournal open(Communicator const& comm,
                            std::filesystem::path const& folder,
                            VideoSource const& source, JournalUse use);

  /// The record of a video that was found good and has not changed since.
  std::optional<VideoRecord> find(std::string const& id,
                                  std::string const& file,
                                  VideoStamp const& stamp) const;

  /// Keeps the record of a good video.
  Result<void> append(VideoRecord const& record, VideoStamp const& stamp);

 private:
  struct Entry {
    VideoRecord record;
    VideoStamp stamp;
  };

  explicit VerifyJournal(JobJournal file) : file_(std::move(file)) {}
  void read(std::string const& lines);

  JobJournal file_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace gasm
