// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "gasm/base/result.hpp"
#include "gasm/ckpt/checkpoint.hpp"
#include "gasm/comm/communicator.hpp"

namespace gasm {

/// Saves checkpoints while the training goes on: begin() copies what this rank
/// writes, a thread of its own writes and syncs the copy, and root publishes
/// once all ranks are done. The threads use no MPI: the ranks tell each other
/// at the borders of steps, by two flags that travel with others.
///
/// At most one save is in flight. Memory: one copy of what this rank writes,
/// kept from save to save; page-locked where the tensors are a GPU's.
class CheckpointSaver {
 public:
  struct Flags {
    bool is_busy = false;     ///< at work
    bool has_failed = false;  ///< ended without success
  };

  /// Collective.
  CheckpointSaver(Communicator const& comm, CheckpointStore store,
                  Retention const& retention,
                  std::uint64_t min_shard_bytes = ShardWriter{}.min_bytes);
  /// Waits for this rank's thread; what was not published is not.
  ~CheckpointSaver();
  CheckpointSaver(CheckpointSaver const&) = delete;
  CheckpointSaver& operator=(CheckpointSaver const&) = delete;

  /// Begins to save. Returns when the tensors may change. None may be in
  /// flight. All ranks, without communication: what fails is told by flags().
  void begin(CheckpointShare const& share);

  /// The same on all ranks.
  bool is_in_flight() const;
  /// Of this rank's thread, now.
  Flags flags() const;
  /// Goes on, where `any` has the flags that are set on any rank: if one has
  /// failed, waits for the others and throws the same AgreedError on all; if
  /// one is busy, returns at once. Collective.
  void advance(Flags any);
  /// Waits until none is in flight. Throws as advance(). Collective.
  void finish();

  /// The score of the step that was saved last: a new manifest, with new facts,
  /// and no new tensors. None may be in flight. Throws the same AgreedError on
  /// all ranks if it failed. Collective.
  void rescore(std::int64_t step, double score,
               std::map<std::string, std::string> const& facts);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gasm
