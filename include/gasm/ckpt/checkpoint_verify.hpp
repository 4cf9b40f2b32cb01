// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gasm/ckpt/checkpoint_view.hpp"

namespace gasm {

/// What is wrong with a file or folder, as a sentence that names it.
struct CheckpointProblem {
  std::filesystem::path path;
  std::string text;
};

/// What reading all of a checkpoint, or of a file, has shown.
struct CheckpointVerdict {
  std::filesystem::path path;
  std::optional<std::int64_t> step;  ///< none: a file, or no sound manifest
  std::size_t num_files = 0;         ///< that were looked at
  std::uint64_t num_bytes = 0;
  std::vector<CheckpointProblem> problems;  ///< at most one a file

  bool is_good() const { return problems.empty(); }
};

/// Reads all of it: manifest, sizes, XXH64, headers, that the manifest names
/// every file, all shards of every set, indices against what the shards hold,
/// and slices that have each value of each tensor once. Whatever load()
/// refuses is a problem. Needs the memory of headers.
CheckpointVerdict verify_checkpoint(std::filesystem::path const& step_folder);

/// All that a place leads to, and the links of a folder. Steps that a run
/// removes meanwhile are left out, unfinished ones too; that there is none at
/// all is a problem. Throws for a folder that cannot be read.
std::vector<CheckpointVerdict> verify_checkpoints(CheckpointPlace const& place);

}  // namespace gasm
