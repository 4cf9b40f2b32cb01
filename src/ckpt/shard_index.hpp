// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "gasm/ckpt/safetensors.hpp"

namespace gasm {

/// Whether the index of a set in several files is right about them: each names
/// the tensors of each file, all of them, and their sum of bytes. `layout_of`
/// gives the tensors of a file beside it, or throws. Throws an Error that names
/// `path`.
void check_shard_index(
    std::filesystem::path const& path,
    std::function<TensorFile(std::string const& name)> const& layout_of);

}  // namespace gasm
