// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "gasm/data/annotations.hpp"
#include "gasm/data/verify.hpp"

namespace gasm {

/// What becomes of videos that cannot be decoded or are not there.
enum class BadVideos {
  refuse,  ///< nothing is packed; the error names them
  skip,    ///< the rest is packed
};

struct PackOptions {
  BadVideos bad_videos = BadVideos::refuse;
  VerifyOptions verify;
  /// Called for each clip that this rank writes; on the calling thread.
  std::function<void()> on_write = {};
};

struct PackSummary {
  std::int64_t num_clips = 0;
  std::uint64_t total_bytes = 0;
  std::uint64_t data_hash = 0;       ///< clip_info.hpp
  std::vector<VideoRecord> skipped;  ///< bad videos left out
};

/// Packs the videos of one split, in the order of its records, into a clip
/// store at `output` (store/write_clip_store.hpp). Every video is decoded to
/// its end first: frame counts are never taken from headers. Collective;
/// `source` and `split` are the same on all ranks. Throws the same Error on all
/// ranks for bad videos under BadVideos::refuse (their number and the first of
/// them), if none is left, and if the store cannot be written; `output` is then
/// what it was before. The file does not depend on the number of ranks.
PackSummary pack_clips(Communicator const& comm, VideoSource const& source,
                       AnnotatedSplit const& split,
                       std::filesystem::path const& output,
                       PackOptions const& options = {});

/// The same for what open_videos() gives for a folder or a spool.
PackSummary pack_clips(Communicator const& comm,
                       std::filesystem::path const& videos,
                       AnnotatedSplit const& split,
                       std::filesystem::path const& output,
                       PackOptions const& options = {});

}  // namespace gasm
