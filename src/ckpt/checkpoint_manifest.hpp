// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "gasm/base/result.hpp"

namespace gasm {

/// Ends the name of a step's old folder while the new one takes its place.
inline constexpr std::string_view kReplacedStep = ".replaced";

/// A file of a checkpoint, as its manifest names it.
struct CheckpointFile {
  std::string set;  ///< "model", ...: whose tensors; empty: an index
  std::uint64_t num_bytes = 0;
  std::string xxh64;
};

/// manifest.json of a checkpoint (docs/formats.md).
struct CheckpointManifest {
  std::int64_t step = 0;
  int num_ranks = 1;  ///< that wrote it
  std::optional<double> score;
  std::map<std::string, std::string> facts;
  std::map<std::string, CheckpointFile> files;
  int format = 2;  ///< that it was read in; the newest is written
};

/// Fails for what is none, naming path and reason; with ExitCode::usage for
/// one that a newer version wrote.
Result<CheckpointManifest> read_checkpoint_manifest(
    std::filesystem::path const& step_folder);

Result<void> write_checkpoint_manifest(std::filesystem::path const& step_folder,
                                       CheckpointManifest const& manifest);

std::string step_name(std::int64_t step);
/// N of "step-N", none for any other name.
std::optional<std::int64_t> step_of(std::string const& name);

}  // namespace gasm
