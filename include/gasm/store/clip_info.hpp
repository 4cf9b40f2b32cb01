// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gasm {

/// One clip of a clips.h5 file, all but its bytes.
struct ClipInfo {
  std::string id;                ///< the video's name in the annotations
  std::int16_t label = -1;       ///< class index; -1: the class is not known
  std::uint32_t num_frames = 0;  ///< found by decoding, never a header's claim
  std::uint16_t width = 0;       ///< of the first frame, px
  std::uint16_t height = 0;
  std::uint64_t num_bytes = 0;  ///< of the video file
  std::uint64_t xxh64 = 0;      ///< of the video file
};

/// Everything in a clips.h5 file but the clips' bytes.
struct ClipStoreContents {
  std::string split;                 ///< "train", "validation", ...
  std::vector<std::string> classes;  ///< label i is called classes[i]
  std::vector<ClipInfo> clips;       ///< in stored order
};

/// The name of the data in manifests: XXH64 over all xxh64 values, then all
/// labels (both little-endian), then every id followed by a zero byte.
std::uint64_t data_hash(ClipStoreContents const& contents);

/// XXH64 over everything else in the contents, so that no changed byte of a
/// file goes unnoticed: sizes, frame counts, classes, split.
std::uint64_t index_hash(ClipStoreContents const& contents);

}  // namespace gasm
