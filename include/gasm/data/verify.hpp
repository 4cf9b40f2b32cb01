// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/data/annotation_profile.hpp"
#include "gasm/data/video_source.hpp"
#include "gasm/video/decode_limits.hpp"

namespace gasm {

class Communicator;

/// What was found out about one video that the annotations list.
struct VideoRecord {
  std::string id;
  std::string file;  ///< name in the source; empty if there is none
  std::uint64_t num_bytes = 0;
  std::uint64_t xxh64 = 0;      ///< of the file; 0 if it could not be read
  std::int64_t num_frames = 0;  ///< by decoding all of it
  std::string codec;            ///< "vp9"; empty if not known
  int width = 0;                ///< px
  int height = 0;
  /// Begins with the four bytes of EBML, as every WebM and Matroska file.
  bool is_ebml = false;
  std::optional<std::string> error;  ///< why it cannot be used
};

struct VerifyReport {
  std::vector<VideoRecord> videos;  ///< one a listed id, sorted by id
  /// Ids whose files have equal bytes, in groups of two or more.
  std::vector<std::vector<std::string>> duplicates;
  std::vector<std::string> missing;   ///< ids without a file
  std::vector<std::string> unlisted;  ///< video files that no record lists
  /// Ids of .webm files that can be decoded but hold another container.
  std::vector<std::string> not_webm;
  /// Videos whose record was taken from the journal.
  std::int64_t num_taken_over = 0;
  /// Of the annotations; for the manifest, which is without where it is unset.
  std::optional<AnnotationProfile> profile;

  std::int64_t num_errors() const;
};

enum class JournalUse {
  go_on,       ///< good videos that have not changed are not decoded again
  start_anew,  ///< what an earlier verification wrote is removed
};

struct VerifyOptions {
  DecodeLimits limits;
  /// Folder in which good videos are noted as they are done, so that the next
  /// verification goes on where one was interrupted. Empty: none.
  std::filesystem::path journal = {};
  JournalUse journal_use = JournalUse::go_on;
  /// Called before the first video and after each with how many of this
  /// rank's share are done and how many there are; on the calling thread.
  std::function<void(std::int64_t done, std::int64_t total)> on_progress = {};
};

/// Decodes every listed video to its end. Collective: the ids are shared out
/// over the ranks, and the report, equal on all, does not depend on their
/// number. The file of an id is <id>.<any video extension> of the source
/// (video_source.hpp), equal on all ranks; an id with two of them is an error
/// of that video, and a bad video is a record with an error.
/// Ids that are numbers sort as numbers, before all others.
///
/// With a journal, a video whose file has the name, size and time of change
/// that it had when it was found good is taken over without being read; a
/// slice of a file that holds many also has its offset, and the time is that
/// file's. Bad videos are always looked at again.
VerifyReport verify_videos(Communicator const& comm, VideoSource const& source,
                           std::span<std::string const> ids,
                           VerifyOptions const& options = {});

/// The same for what open_videos() gives for a folder or a spool.
VerifyReport verify_videos(Communicator const& comm,
                           std::filesystem::path const& videos,
                           std::span<std::string const> ids,
                           VerifyOptions const& options = {});

/// The report as JSON, {"videos": [{"id", "num_frames", "codec", "width",
/// "height", "xxh64", "error"}, ...], "num_videos", "num_errors",
/// "duplicates", "missing", "unlisted", "not_webm"} and, if there is a
/// profile, "splits" and "ssv2"; what is not known is null. How much was taken
/// over from a journal does not show.
std::string manifest_json(VerifyReport const& report);

/// Publishes the manifest (written by the root). Collective; throws on all
/// ranks if it cannot be written.
void write_manifest(Communicator const& comm, VerifyReport const& report,
                    std::filesystem::path const& path);

/// Removes a journal once nobody writes to it. Collective; throws on all ranks
/// if it cannot be removed.
void remove_journal(Communicator const& comm,
                    std::filesystem::path const& folder);

}  // namespace gasm
