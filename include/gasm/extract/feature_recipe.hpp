// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "gasm/store/feature_info.hpp"

namespace gasm {

class Communicator;
class FeatureStore;
struct RunConfig;

/// All that decides what features a configuration makes of a clip, as the
/// provenance of a features.h5 (FeatureStoreContents): the backbones that its
/// fusion kind has, the checksum of their weights' files or the seed that drew
/// them, sampling, crop, and for random views all of the augmentation. Throws
/// Error if a file of weights cannot be read.
std::string feature_recipe(RunConfig const& config, FeatureViews views);

/// The same, made by the root, since it reads whole files of weights.
/// Collective.
std::string shared_feature_recipe(Communicator const& world,
                                  RunConfig const& config, FeatureViews views);

/// Throws a usage error that names what differs if the backbones, grids,
/// weights or clips' lengths of `store` are not those of the configuration.
/// `recipe` is the configuration's.
void check_recipe(FeatureStore const& store, std::string const& recipe,
                  RunConfig const& config);

}  // namespace gasm
