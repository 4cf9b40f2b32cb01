// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "gasm/base/result.hpp"

namespace gasm {

/// Gives `first` the name of `second`, and `second` that of `first`, at one
/// moment, and syncs their folder, which is one. Both are files, or both
/// folders, that exist. False where the file system cannot do it (it is
/// Linux's RENAME_EXCHANGE). Nothing is exchanged then, nor on failure.
Result<bool> exchange_names(std::filesystem::path const& first,
                            std::filesystem::path const& second);

}  // namespace gasm
