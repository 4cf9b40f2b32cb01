// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "checkpoint_manifest.hpp"
#include "gasm/base/result.hpp"
#include "gasm/ckpt/safetensors.hpp"

namespace gasm {

/// Whether a file of a checkpoint is there and as large as its manifest says.
Result<void> check_listed_size(std::filesystem::path const& path,
                               CheckpointFile const& file);

/// The same, and that its checksum is right. Reads the file.
Result<void> check_listed_file(std::filesystem::path const& path,
                               CheckpointFile const& file);

/// The tensors of a file of a checkpoint, which is read once and checked so.
/// Of one that is damaged the error says that, not what the damage led to.
Result<TensorFile> read_listed_file(std::filesystem::path const& path,
                                    CheckpointFile const& file);

}  // namespace gasm
