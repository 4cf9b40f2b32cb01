// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gasm/base/result.hpp"

namespace gasm {

class Communicator;

/// Where one video's bytes lie in a file that holds many.
struct VideoSlice {
  std::uint64_t offset = 0;
  std::uint64_t num_bytes = 0;
  std::optional<std::uint64_t> xxh64;  ///< as it was written, where known
};

/// A video and the file it is read from.
struct VideoPlace {
  std::string name;             ///< "7.webm", for messages and manifests
  std::uint32_t container = 0;  ///< index into VideoSource::containers
  /// None: the video is the file `name` in the container, a folder.
  std::optional<VideoSlice> slice;
};

/// Where videos come from: files of a folder, a spool of one file
/// (video_spool.hpp), or the shards of a WebDataset (webdataset.hpp). Verify
/// and pack read all of them alike.
struct VideoSource {
  std::vector<std::filesystem::path> containers;
  /// By id. More than one place for an id is an error of that video.
  std::map<std::string, std::vector<VideoPlace>> places;

  /// Size in bytes without reading the video.
  Result<std::uint64_t> size_bytes(VideoPlace const& place) const;
  /// All bytes. Fails if they cannot be read or are not those that the slice
  /// was written with.
  Result<std::vector<std::byte>> read(VideoPlace const& place) const;
};

/// The videos of `place`: a folder, whose video files are known by their
/// extension, or a finished spool. Read by the root alone, so that all ranks
/// see one listing. Collective; throws on all ranks if it cannot be read.
VideoSource open_videos(Communicator const& comm,
                        std::filesystem::path const& place);

}  // namespace gasm
