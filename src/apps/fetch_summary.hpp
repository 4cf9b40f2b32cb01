// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "gasm/data/fetch_check.hpp"

namespace gasm {

/// What gasm data fetch-check prints, several lines each.
std::string labels_summary(LabelsReport const& report,
                           std::filesystem::path const& folder);
std::string parts_summary(FetchReport const& report,
                          std::optional<std::filesystem::path> const& spool);

}  // namespace gasm
