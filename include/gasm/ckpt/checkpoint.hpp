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
#include "gasm/comm/communicator.hpp"

namespace gasm {

/// One published step of a run: files of tensors, and facts.
///
/// On the disk: checkpoints/step-N/{<file>.safetensors..., manifest.json}. The
/// manifest names each file with its size and XXH64 and is written last, and
/// the folder is renamed into place after that: what has no manifest that
/// verifies is not a checkpoint. The links `latest` and `best` lie beside.
struct Checkpoint {
  std::int64_t step = 0;
  /// "model" -> model.safetensors, "optimizer" -> optimizer.safetensors, ...
  std::map<std::string, TensorFile> files;
  /// Small facts: cursor, digests, best value, ... (strings; doubles are
  /// written with format_exact).
  std::map<std::string, std::string> facts;
};

struct Retention {
  int keep_last = 2;
  int keep_best = 1;
};

/// A checkpoint as a listing shows it.
struct CheckpointInfo {
  std::int64_t step = 0;
  std::filesystem::path path;
  std::optional<double> score;  ///< validation top-1, higher is better
};

/// The checkpoints of one run folder. Not collective but for save_checkpoint
/// and load_newest_checkpoint.
class CheckpointStore {
 public:
  explicit CheckpointStore(std::filesystem::path folder)
      : folder_(std::move(folder)) {}

  std::filesystem::path const& folder() const { return folder_; }

  /// The step folders, oldest first; whether they are good, load() tells.
  std::vector<CheckpointInfo> list() const;

  /// Writes step-N.tmp-PID, publishes it, points `latest` (and `best` when the
  /// score is the highest, the newest of equals) to it and prunes what
  /// `retention` does not keep of this and earlier steps; the one just saved
  /// stays. On failure nothing that was there is touched, and the temporary
  /// folder is removed.
  Result<void> save(Checkpoint const& checkpoint, std::optional<double> score,
                    Retention const& retention) const;

  /// Reads and verifies one (manifest, checksums).
  Result<Checkpoint> load(std::filesystem::path const& step_folder) const;

 private:
  Result<void> prune(std::int64_t step, Retention const& retention) const;

  std::filesystem::path folder_;
};

/// Rank 0 saves, all ranks learn how it went: throws AgreedError on all if it
/// failed. Collective.
void save_checkpoint(Communicator const& comm, CheckpointStore const& store,
                     Checkpoint const& checkpoint, std::optional<double> score,
                     Retention const& retention);

/// The newest checkpoint that verifies on all ranks; damaged ones are named in
/// a warning and passed over. None if there is none. Collective.
std::optional<Checkpoint> load_newest_checkpoint(Communicator const& comm,
                                                 CheckpointStore const& store);

/// The shortest text that reads back to the same double, and back.
std::string format_exact(double value);
double parse_exact(std::string const& text);

}  // namespace gasm
