// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

#include "gasm/store/feature_info.hpp"
#include "gasm/store/feature_writer.hpp"

namespace gasm {

class Communicator;

/// The data hash of the finished file of these contents, 0 if there is none
/// or it shall be replaced. Throws the same usage error on all ranks if
/// something else has its name. Collective.
std::uint64_t find_finished(Communicator const& world,
                            std::filesystem::path const& output,
                            UnfinishedUse unfinished,
                            FeatureStoreContents const& contents);

}  // namespace gasm
