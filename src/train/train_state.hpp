// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "adamw.hpp"
#include "gasm/ckpt/checkpoint.hpp"
#include "gasm/models/video_model.hpp"

namespace gasm {

/// What must survive a restart besides tensors.
struct TrainState {
  std::int64_t step = 0;  ///< steps done: the cursor of data and schedule
  double best_top1 = -1.0;
  int evals_without_gain = 0;
  bool ended_early = false;
};

/// What a run is, to be compared before it goes on.
struct RunIdentity {
  std::string experiment;  ///< experiment_digest
  std::string data_hash;   ///< of the training store
};

Checkpoint make_checkpoint(TrainState const& state, RunIdentity const& identity,
                           VideoModel const& model, AdamW const& optimizer);

/// Puts a checkpoint back. An Error if it belongs to another experiment or
/// other data, or its tensors do not fit.
TrainState restore_checkpoint(Checkpoint const& checkpoint,
                              RunIdentity const& identity, VideoModel& model,
                              AdamW& optimizer);

/// Only the model's tensors.
void restore_model(Checkpoint const& checkpoint, VideoModel& model);

}  // namespace gasm
