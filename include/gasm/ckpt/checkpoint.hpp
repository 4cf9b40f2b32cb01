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
#include "gasm/ckpt/tensor_share.hpp"
#include "gasm/comm/communicator.hpp"

namespace gasm {

/// One published step of a run: sets of tensors, and facts.
///
/// On the disk: checkpoints/step-N/{<set>.safetensors or its shards,
/// manifest.json}. The manifest names each file with its size and XXH64 and is
/// written last, and the folder is renamed into place after that: what has no
/// manifest that verifies is not a checkpoint. The links `latest` and `best`
/// lie beside.
struct Checkpoint {
  std::int64_t step = 0;
  /// "model", "optimizer", ...: whole, whoever wrote which part of them.
  std::map<std::string, TensorFile> files;
  /// Small facts: cursor, digests, best value, ... (strings; doubles are
  /// written with format_exact).
  std::map<std::string, std::string> facts;
  std::filesystem::path path = {};  ///< the step folder that it was read from
};

/// What one rank has of a checkpoint.
struct CheckpointShare {
  std::int64_t step = 0;
  std::map<std::string, TensorShare> sets;
  std::map<std::string, std::string> facts;
};

/// All of a checkpoint, for one rank to write alone.
CheckpointShare whole_share(Checkpoint checkpoint);

/// Who writes what: a set that all ranks have is cut into files of `min_bytes`
/// or more, at most one a rank.
struct ShardWriter {
  int rank = 0;
  int num_ranks = 1;
  std::uint64_t min_bytes = std::uint64_t{64} << 20;
};

struct Retention {
  int keep_last = 2;
  int keep_best = 1;
  std::int64_t keep_every = 0;  ///< steps that this divides; 0: none
};

/// A checkpoint as a listing shows it.
struct CheckpointInfo {
  std::int64_t step = 0;
  std::filesystem::path path;
  std::optional<double> score;  ///< validation top-1, higher is better
};

struct CheckpointManifest;

/// The checkpoints of one run folder. Ranks save together by
/// CheckpointSaver, and load by load_newest_checkpoint.
class CheckpointStore {
 public:
  explicit CheckpointStore(std::filesystem::path folder)
      : folder_(std::move(folder)) {}

  std::filesystem::path const& folder() const { return folder_; }

  /// The step folders, oldest first; whether they are good, load() tells.
  std::vector<CheckpointInfo> list() const;

  /// One rank saves all: prepare, write_shards, publish.
  Result<void> save(Checkpoint const& checkpoint, std::optional<double> score,
                    Retention const& retention) const;

  /// The folder in which a job that calls itself `job` writes a step.
  std::filesystem::path unfinished(std::int64_t step,
                                   std::string const& job) const;
  /// Makes it, and removes what killed saves left behind, but not what other
  /// ranks have in it already. One rank.
  Result<void> prepare(std::filesystem::path const& unfinished) const;
  /// Clears away what killed jobs left: what they had not finished, and old
  /// folders of steps that were saved again. An old folder whose new one never
  /// came gets its name back. What cannot be done is a warning. One rank, of
  /// the only job in the folder.
  void tidy() const;
  /// When all files of `manifest` are in `unfinished`, and synced: writes the
  /// manifest, renames the folder to step-N, points `latest` (and `best` when
  /// the score is the highest, the newest of equals) to it and prunes what
  /// `retention` does not keep of this and earlier steps; the one just saved
  /// stays. On failure nothing that was there is touched, and `unfinished` is
  /// removed. One rank.
  Result<void> publish(std::filesystem::path const& unfinished,
                       CheckpointManifest const& manifest,
                       Retention const& retention) const;

  /// Gives the step that was published last a score and new facts: its
  /// manifest alone is written, then links and what is kept follow. One rank.
  Result<void> rescore(std::int64_t step, double score,
                       std::map<std::string, std::string> const& facts,
                       Retention const& retention) const;

  /// Reads and verifies one (manifest, sizes, checksums), whoever wrote it.
  Result<Checkpoint> load(std::filesystem::path const& step_folder) const;

 private:
  /// Points `latest` to the step, and `best`; removes what is not kept.
  Result<void> settle(std::int64_t step, Retention const& retention) const;

  std::filesystem::path folder_;
};

/// The newest checkpoint that verifies on all ranks; damaged ones are named in
/// a warning and passed over. None if there is none. Throws AgreedError on all
/// for one that a newer version wrote. Collective.
std::optional<Checkpoint> load_newest_checkpoint(Communicator const& comm,
                                                 CheckpointStore const& store);

/// Why a link such as `latest` leads nowhere; none if it leads somewhere, or is
/// no link.
std::optional<Error> find_dangling_link(std::filesystem::path const& link);

/// The shortest text that reads back to the same double, and back.
std::string format_exact(double value);
double parse_exact(std::string const& text);

}  // namespace gasm
