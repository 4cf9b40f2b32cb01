// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>

#include "gasm/ckpt/safetensors.hpp"

namespace gasm {

/// Reads the index {"metadata": {...}, "weight_map": {TENSOR: FILE}} and, by
/// `read_shard`, the files that it names, which lie in its folder. Throws,
/// naming the file, where an index and its shards differ.
TensorFile read_sharded_weights(
    std::filesystem::path const& path,
    std::function<TensorFile(std::filesystem::path const&)> const& read_shard);

}  // namespace gasm
