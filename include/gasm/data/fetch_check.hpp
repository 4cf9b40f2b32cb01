// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gasm/archive/archive_parts.hpp"

namespace gasm {

/// Which numbers of videos and records are wanted.
enum class FetchProfile {
  detect,  ///< those of SSv2 if the files are named or built like it
  ssv2,
  any,
};

struct FetchOptions {
  FetchProfile profile = FetchProfile::detect;
  /// The spool (video_spool.hpp) that the videos are copied into. None: they
  /// are looked at only.
  std::optional<std::filesystem::path> spool = {};
  /// Limits for an archive that nobody has looked at yet.
  std::uint64_t max_video_bytes = std::uint64_t{1} << 28;
  std::int64_t max_members = 2'000'000;
  /// Called now and then with how many bytes of the parts are read and how
  /// many there are; on the calling thread.
  std::function<void(std::int64_t done, std::int64_t total)> on_progress = {};
};

/// What was found in the archive of the videos.
struct FetchReport {
  ArchiveParts parts;
  /// Read to its end, with the right checksum.
  bool is_whole = false;
  std::int64_t num_videos = 0;
  std::uint64_t video_bytes = 0;
  std::uint64_t min_video_bytes = 0;
  std::uint64_t max_video_bytes = 0;
  std::int64_t num_copied = 0;   ///< into the spool, now
  std::int64_t num_kept = 0;     ///< in the spool from before, compared
  std::vector<std::string> ids;  ///< of the videos, in the archive's order
  /// Sentences that say what is wrong and what to fetch again. Empty: good.
  std::vector<std::string> problems;
  std::vector<std::string> notes;  ///< worth knowing, not wrong
};

/// Reads the archive of the videos as it was downloaded (archive_parts.hpp),
/// a gzip tar in one or more parts, to its end: parts, checksum, members
/// (names, sizes, magic of WebM, duplicates, strangers), number of videos.
/// Nothing is written but the spool, which goes on where an earlier call was
/// interrupted: videos that are in it are compared and not written again. It
/// is complete only if the archive is whole. Serial, for one process. Throws
/// what is no fault of the archive: a folder that cannot be read, a full disk.
FetchReport check_parts(std::filesystem::path const& place,
                        FetchOptions const& options);

/// What was found in the annotations.
struct LabelsReport {
  std::int64_t num_classes = 0;
  std::map<std::string, std::int64_t> num_records;  ///< by split
  std::vector<std::string> ids;                     ///< of all splits, sorted
  std::vector<std::string> problems;
  std::vector<std::string> notes;
};

/// Unpacks labels.json, NAME.json and NAME-answers.csv (also under their long
/// names) of a zip archive into `folder`, whatever folder they lie in. Files
/// that are there already must be equal. Throws if the archive is damaged or
/// holds no such file, or if the folder cannot be written. Returns the names
/// of the archive's other files.
std::vector<std::string> unpack_labels(std::filesystem::path const& archive,
                                       std::filesystem::path const& folder);

/// Reads the annotations of a folder (annotations.hpp) and compares their
/// numbers with the profile.
LabelsReport check_labels(std::filesystem::path const& folder,
                          FetchProfile profile);

/// Adds to the report of the parts which listed videos they lack. Nothing to
/// say of an archive that is not whole.
void compare_with_labels(LabelsReport const& labels, FetchReport& parts);

}  // namespace gasm
