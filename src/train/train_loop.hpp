// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "adamw.hpp"
#include "gasm/ckpt/checkpoint.hpp"
#include "gasm/comm/collective.hpp"
#include "gasm/comm/stop_flag.hpp"
#include "gasm/comm/watchdog.hpp"
#include "gasm/train/train.hpp"
#include "gradient_sum.hpp"
#include "run_log.hpp"
#include "run_setup.hpp"
#include "train_state.hpp"

namespace gasm {

/// All that a running training holds. Parts are made in this order by train().
struct TrainParts {
  Communicator const& world;
  RunConfig const& config;
  RunFolder folder;
  Watchdog& watchdog;
  StopFlag const& stop;
  ClipSource& train_data;
  ClipSource& val_data;
  VideoModel& model;
  int num_classes;
};

/// The loop: reads top to bottom in run(). Collective.
class TrainLoop {
 public:
  explicit TrainLoop(TrainParts parts);

  /// From the newest good checkpoint, if the configuration wants that.
  /// Returns the step to go on from; none for a fresh start.
  std::optional<std::int64_t> resume();
  TrainOutcome run(RunLog& log);

 private:
  /// Forward and backward of this rank's micro-batches of the next step.
  void run_micro_batches(StepPlan const& plan, MicroBatchPrefetcher& batches);
  /// Ranks agree on how the step went and on what follows it.
  void agree_on_step(Result<void> const& mine);
  StepSums update(StepPlan const& plan);
  void validate(RunLog& log);
  void save(RunLog& log, std::optional<double> score);
  bool is_evaluation_due() const;
  bool is_checkpoint_due() const;
  double epoch() const;

  TrainParts parts_;
  BatchPlan plan_;
  RunLength length_;
  std::vector<ParameterInfo> parameters_;
  std::vector<BatchNorm*> norms_;
  AdamW optimizer_;
  GradientSum sums_;
  std::unique_ptr<Collective> collective_;
  CheckpointStore checkpoints_;
  RunIdentity identity_;
  TrainState state_;
  EvalResult last_eval_;
  std::int64_t evaluated_step_ = -1;
  std::int64_t saved_step_ = -1;
  std::int64_t resumed_step_ = -1;
  double saved_s_ = 0.0;
  double lr_ = 0.0;
  double grad_norm_ = 0.0;
  bool stop_agreed_ = false;
  bool save_agreed_ = false;
};

}  // namespace gasm
