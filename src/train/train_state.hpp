// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gasm/ckpt/checkpoint.hpp"
#include "gasm/models/recogniser.hpp"
#include "loss_scale.hpp"
#include "optimizer.hpp"
#include "step_guard.hpp"
#include "weight_average.hpp"

namespace gasm {

/// What must survive a restart besides tensors.
struct TrainState {
  std::int64_t step = 0;       ///< steps done: the cursor of data and schedule
  std::int64_t epoch_bad = 0;  ///< bad clips since the epoch's start
  std::int64_t evaluated_step = -1;  ///< of the last validation
  std::optional<double> best_top1;
  std::optional<double> gained_top1;  ///< what a better top-1 is measured by
  int evals_without_gain = 0;
  bool ended_early = false;
  LossScale loss_scale;
  SkippedSteps skipped;
  /// The step folder of another run that this one began with.
  std::optional<std::string> started_from = {};
};

/// The fact that says so, and what it says where there is none.
inline constexpr char const* kStartedFrom = "started_from";
inline constexpr char const* kStartedNowhere = "none";

/// What a run is, to be compared before it goes on.
struct RunIdentity {
  std::string experiment;  ///< experiment_digest
  std::string train_hash;  ///< of data.train
  std::string val_hash;    ///< of data.val
  std::string classes;     ///< classes_hash
  std::int64_t steps_per_epoch = 0;
};

/// Of the class names in order.
std::string classes_hash(std::vector<std::string> const& names);

/// What a training changes. `average`: nullptr where none is kept.
struct TrainedParts {
  Recogniser& model;
  OptimizerState& optimizer;
  WeightAverage* average = nullptr;
};

/// The sets model, optimizer, and ema where there is an average: a model too.
/// Of the tensors themselves, which the next step changes.
CheckpointShare make_checkpoint(TrainState const& state,
                                RunIdentity const& identity,
                                TrainedParts const& parts);

/// Its facts alone.
std::map<std::string, std::string> checkpoint_facts(TrainState const& state,
                                                    RunIdentity const& identity,
                                                    TrainedParts const& parts);

/// Puts a checkpoint of the same experiment back. An Error if it belongs to
/// other data, or its tensors do not fit.
TrainState restore_checkpoint(Checkpoint const& checkpoint,
                              RunIdentity const& identity,
                              TrainedParts const& parts);

/// Puts the averaged weights in the place of the model's. False if it has
/// none.
bool take_average(Checkpoint& checkpoint);

/// Only the model's tensors. A usage error if they are of a training with
/// other classes than `classes`; weights without that note are taken as they
/// are. False if a model with backbones was trained on features, and so its
/// checkpoint has none: they stay as they are.
bool restore_model(Checkpoint const& checkpoint, std::string const& classes,
                   Recogniser& model);

}  // namespace gasm
