// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/ckpt/safetensors.hpp"

namespace gasm {

/// Looking at checkpoints without a run, and without reading their values.

/// What a path leads to.
struct CheckpointPlace {
  enum class Kind {
    folder,  ///< of step folders
    step,    ///< one checkpoint
    file,    ///< one file of tensors, or an index of such
  };
  Kind kind = Kind::folder;
  std::filesystem::path path;
};

/// A run folder leads to its checkpoints/, `latest` to the step it names, a
/// manifest.json to its folder. Fails for a link that leads nowhere, and
/// (ExitCode::usage) for what has nothing to do with checkpoints.
Result<CheckpointPlace> find_checkpoints(std::filesystem::path const& path);

/// What a manifest says.
struct CheckpointSummary {
  struct File {
    std::string name;
    std::string set;  ///< empty: an index
    std::uint64_t num_bytes = 0;
    std::string xxh64;
  };
  std::int64_t step = 0;
  int format = 0;
  int num_ranks = 0;  ///< that wrote it
  std::optional<double> score;
  std::map<std::string, std::string> facts;
  std::vector<File> files;  ///< by name
  double written_s = 0;     ///< Unix time

  std::uint64_t num_bytes() const;
  /// Of the facts: none in checkpoints that were written before there were
  /// such.
  std::optional<std::int64_t> steps_per_epoch() const;
  std::optional<std::string> writer() const;
};

/// Fails as load() does for a manifest that is none.
Result<CheckpointSummary> read_checkpoint_summary(
    std::filesystem::path const& step_folder);

/// The sets, each tensor whole, on torch's meta device (types and shapes
/// alone). Reads headers, and refuses what load() refuses of them.
Result<std::map<std::string, TensorFile>> read_checkpoint_layout(
    std::filesystem::path const& step_folder);

/// XXH64 of a line "NAME TYPE [3, 4]\n" for each tensor by name: equal for
/// checkpoints of one model.
std::string layout_digest(TensorFile const& file);

/// An entry of a folder of checkpoints.
struct ListedCheckpoint {
  std::filesystem::path path;
  std::int64_t step = 0;
  /// A save that goes on, or was killed; or what a later save of the step has
  /// replaced. No run resumes from it.
  bool is_unfinished = false;
  std::optional<CheckpointSummary> summary;  ///< none: no sound manifest
  std::string problem;  ///< of manifest, names and sizes; empty: none seen
};

struct CheckpointLink {
  std::string name;  ///< "latest" or "best"
  std::filesystem::path target;
  bool is_there = false;  ///< what it points to
};

struct CheckpointListing {
  std::filesystem::path folder;
  std::vector<ListedCheckpoint> checkpoints;  ///< by step
  std::vector<CheckpointLink> links;
};

/// What lies in a folder of checkpoints. Looks at manifests and sizes, and
/// reads no file of tensors.
Result<CheckpointListing> list_checkpoints(std::filesystem::path const& folder);

}  // namespace gasm
