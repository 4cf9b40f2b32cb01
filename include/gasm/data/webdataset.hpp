// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "gasm/data/annotations.hpp"
#include "gasm/data/video_source.hpp"

namespace gasm {

class ClipStore;
class Communicator;

/// WebDataset: tar files ("shards") in which the files of one sample follow
/// each other and share their name up to the first dot. docs/formats.md has
/// the names and fields that are written and read.

struct WdsExportOptions {
  /// Of the videos in one shard; a larger video has a shard of its own.
  std::uint64_t max_shard_bytes = 1'000'000'000;
  /// Called before the first clip and after each with how many of this rank's
  /// share are done and how many there are; on the calling thread.
  std::function<void(std::int64_t done, std::int64_t total)> on_progress = {};
};

struct WdsExportSummary {
  std::int64_t num_shards = 0;
  std::int64_t num_clips = 0;
};

/// Writes the clips of a store, in its order, as shards named by `pattern`
/// ("out/train-%06d.tar", one %0Nd or %d), and labels.json with the class
/// names beside them. The bytes of the shards depend on the store and the
/// options alone, not on ranks or time. Collective; the ranks share out the
/// shards. Throws the same Error on all ranks, with no unfinished shard left
/// behind, for a pattern that is none, for ids that make no names, and if
/// anything cannot be written. Shards of an earlier export with the same names
/// are replaced; one with a higher number is an error, for readers would take
/// it in.
WdsExportSummary export_webdataset(Communicator const& comm,
                                   ClipStore const& store,
                                   std::string const& pattern,
                                   WdsExportOptions const& options = {});

/// What shards hold: where the videos lie, and their annotations in the order
/// of the shards.
struct WebDataset {
  VideoSource source;
  AnnotatedSplit split;
  /// Samples that cannot be used, as sentences: no video or several, labels
  /// that contradict each other, an id that stood before.
  std::vector<std::string> problems;
};

/// Reads the headers and labels of shards, not their videos. `classes` are
/// the names by label; empty: they are taken from the samples (names by index
/// where both are told, else the names in alphabetical order). Collective; the
/// ranks share out the shards. Throws on all ranks for a file that is no tar
/// archive, or compressed, and if no sample is left.
WebDataset open_webdataset(Communicator const& comm,
                           std::vector<std::filesystem::path> const& shards,
                           std::string const& split,
                           std::vector<std::string> const& classes);

}  // namespace gasm
