// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace gasm {

class Communicator;
struct RunConfig;

struct FeatureCheckOptions {
  std::filesystem::path clips;     ///< clips.h5
  std::filesystem::path features;  ///< features.h5
  std::int64_t num_clips = 32;     ///< drawn at random, without repetition
  std::uint64_t seed = 0;          ///< of the draw
  /// As in ExtractOptions.
  std::function<void(std::int64_t done, std::int64_t total)> on_unit = {};
  std::function<void()> on_batch = {};
};

struct FeatureCheck {
  std::int64_t num_clips = 0;
  std::int64_t num_equal = 0;  ///< clips of which every bit is the same
  /// Largest difference of a value, as a share of the largest value of its
  /// stream in its clip.
  double worst = 0.0;
  std::string worst_id;
};

/// Makes the features of some clips again and compares them with the file's.
/// Throws the same Error on all ranks if the file was made of other clips or
/// by another configuration (naming what differs). Collective.
FeatureCheck check_features(Communicator const& world, RunConfig const& config,
                            FeatureCheckOptions const& options);

}  // namespace gasm
