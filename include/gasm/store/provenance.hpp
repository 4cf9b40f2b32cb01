// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

namespace gasm {

/// Which keys of two provenances (FeatureStoreContents) have other values:
/// "key: a there, b here", separated by semicolons; empty if none has. Only
/// keys that `counts` accepts, if given.
std::string compare_provenance(
    std::string const& there, std::string const& here,
    std::function<bool(std::string const& key)> const& counts = {});

}  // namespace gasm
