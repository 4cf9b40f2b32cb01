// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

#include "gasm/store/feature_info.hpp"

namespace gasm {

class Communicator;

/// The default shapes are those of the published pair of backbones: ViT-B/16
/// at 224 pixels, and eight steps of a motion network.
struct RandomFeatures {
  std::int64_t num_samples = 4000;
  FeatureShape semantic{1, 196, 768};
  FeatureShape motion{8, 1, 512};
  std::uint64_t seed = 0;
};

/// Writes a features.h5 of random fp16 numbers between -2 and 2, of random
/// classes among the 174 of Something-Something V2: data of the right size
/// where there is no real one. The same file at any number of ranks. Throws
/// the same Error on all ranks if it cannot be written. Collective.
void write_random_features(Communicator const& comm,
                           std::filesystem::path const& path,
                           RandomFeatures const& options = {});

}  // namespace gasm
