// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gasm {

/// "SET.safetensors", or "SET-00001-of-00003.safetensors" as the Hugging Face
/// hub names them; `shard` counts from 0.
std::string shard_name(std::string const& set, std::size_t shard,
                       std::size_t num_shards);

/// Whether `files` are all the shards of a set, under the names above. Throws,
/// naming what is too few or too many.
void check_shard_names(std::string const& set,
                       std::vector<std::string> const& files,
                       std::filesystem::path const& folder);

}  // namespace gasm
