// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include "gasm/base/result.hpp"
#include "gasm/store/clip_store.hpp"
#include "gasm/store/sample_store.hpp"

namespace gasm {

/// A clips.h5 or a features.h5, whichever `path` is. Fails, naming the path,
/// if it is neither. Not collective.
Result<std::unique_ptr<SampleStore>> open_store(
    std::filesystem::path const& path, ByteCheck check = ByteCheck::every_read);

}  // namespace gasm
