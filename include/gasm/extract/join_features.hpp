// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "gasm/extract/extract.hpp"
#include "gasm/store/feature_info.hpp"

namespace gasm {

class Communicator;
class FeatureStore;

struct JoinOptions {
  std::filesystem::path semantic = {};  ///< its semantic stream is taken
  std::filesystem::path motion = {};    ///< its motion stream is taken
  std::filesystem::path output = {};
  UnfinishedUse unfinished = UnfinishedUse::go_on;
  /// As in ExtractOptions.
  std::function<void(std::int64_t done, std::int64_t total)> on_unit = {};
  std::function<bool()> should_stop = {};
};

/// What a file of both streams holds. Its provenance has the keys of each
/// stream's backbone from that stream's file; of any other key on which they
/// differ (the order of the frames, say) both values, "A (semantic), B
/// (motion)"; and clips_hash is that of both, joined by "+", if they differ.
/// Throws a usage error that names the files and what differs if they do not
/// hold the same clips in the same order under the same classes, hold random
/// views (each stream would show another crop of a clip), or differ in number
/// of views, number type, batch, resolution or frames of a clip.
FeatureStoreContents joined_contents(FeatureStore const& semantic,
                                     FeatureStore const& motion);

/// Writes a features.h5 with the semantic stream of one file and the motion
/// stream of another, values and checks unchanged, statistics as if they had
/// been extracted together. So each backbone may see other videos of the same
/// ids (masks, say, or frames in another order), and backbones can be paired
/// without extracting anew. Goes on as extract_features does. Throws the same
/// Error on all ranks. Collective.
ExtractSummary join_features(Communicator const& world,
                             JoinOptions const& options);

}  // namespace gasm
