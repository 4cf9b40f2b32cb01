// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "gasm/store/feature_info.hpp"
#include "gasm/store/feature_writer.hpp"

namespace gasm {

class Communicator;
struct RunConfig;

struct ExtractOptions {
  std::filesystem::path clips = {};   ///< clips.h5
  std::filesystem::path output = {};  ///< features.h5
  /// Random views of each clip, as training draws them (view v is what epoch v
  /// sees). None: the views of a test, eval.clips * eval.crops.
  std::optional<int> num_random_views = {};
  FeatureType type = FeatureType::fp16;
  int batch = 8;  ///< clips that go through the backbones together
  UnfinishedUse unfinished = UnfinishedUse::go_on;
  /// After each unit of this rank: how many of its machine's are taken, of how
  /// many. Equal numbers when there is nothing left for this rank.
  std::function<void(std::int64_t done, std::int64_t total)> on_unit = {};
  /// A sign of life: a batch went through the backbones.
  std::function<void()> on_batch = {};
  /// Asked after each unit; true on a rank ends the work on all.
  std::function<bool()> should_stop = {};
};

struct ExtractSummary {
  bool is_complete = true;  ///< false: should_stop ended it
  bool was_there = false;   ///< the file was finished before
  std::int64_t num_clips = 0;
  std::int64_t num_views = 0;
  std::int64_t num_units = 0;
  std::int64_t num_units_before = 0;  ///< of an earlier job
  double wait_s = 0.0;   ///< for decoded clips, the mean of the ranks
  double total_s = 0.0;  ///< from the first unit to the last, of the slowest
  std::uint64_t num_bytes = 0;  ///< of features
  std::uint64_t data_hash = 0;  ///< of the finished file
};

/// Runs the configuration's backbones (frozen, fp32) over a store of clips and
/// writes what they make of them (FeatureWriter says how a job that was killed
/// goes on). The ranks of a machine take units from one list, and decode ahead
/// of the model on data.threads threads each. A file that is there already and
/// was made in the same way is left alone. Throws the same Error on all ranks
/// if another file has its name (unless it shall be given up), for a clip that
/// cannot be decoded, or features that half precision does not hold.
/// Collective.
ExtractSummary extract_features(Communicator const& world,
                                RunConfig const& config,
                                ExtractOptions const& options);

}  // namespace gasm
