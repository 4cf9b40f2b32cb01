// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/store/clip_info.hpp"

namespace gasm {

class Communicator;

/// The video file of clip i; called on the rank that writes it, in order.
using ClipBytes = std::function<Result<std::vector<std::byte>>(std::int64_t)>;

/// Writes a clips.h5 file. Collective; `path` and `contents` are the same on
/// all ranks (checked). Throws the same Error on all ranks if anything fails
/// on any of them; then `path` is what it was before and no temporary is left.
///
/// The root lays out PATH.tmp and reserves its space, every rank writes its
/// slab of clips (about the same number of bytes each), every rank reads the
/// next rank's slab back through ClipStore and compares checksums, and the
/// root renames the file. The bytes of a clip must be those that its ClipInfo
/// tells (size and xxh64). The file does not depend on the number of ranks:
/// equal contents give equal bytes.
///
/// A usage error if there is no clip, a label is not below the number of
/// classes, an id is empty or repeated, or a clip has no bytes or no frames.
void write_clip_store(Communicator const& comm,
                      std::filesystem::path const& path,
                      ClipStoreContents const& contents,
                      ClipBytes const& bytes_of);

/// The clips first .. first + count - 1 that rank `rank` writes: those whose
/// first byte lies in its share of all bytes. May be empty.
struct ClipSlab {
  std::int64_t first = 0;
  std::int64_t count = 0;
};
ClipSlab clip_slab(ClipStoreContents const& contents, int rank, int num_ranks);

}  // namespace gasm
