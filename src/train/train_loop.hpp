// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "device_step.hpp"
#include "gasm/ckpt/checkpoint_saver.hpp"
#include "gasm/comm/collective.hpp"
#include "gasm/comm/stop_flag.hpp"
#include "gasm/comm/watchdog.hpp"
#include "gasm/models/frozen_casts.hpp"
#include "gasm/train/train.hpp"
#include "gradient_sum.hpp"
#include "model_flops.hpp"
#include "optimizer.hpp"
#include "rank_checks.hpp"
#include "rank_skew.hpp"
#include "run_log.hpp"
#include "run_setup.hpp"
#include "save_schedule.hpp"
#include "step_guard.hpp"
#include "step_trace.hpp"
#include "train_state.hpp"
#include "weight_average.hpp"

namespace gasm {

/// All that a running training holds. Parts are made in this order by train().
struct TrainParts {
  Communicator const& world;
  RunConfig const& config;
  RunFolder folder;
  Watchdog& watchdog;
  StopFlag const& stop;
  TrainingData& data;
  Recogniser& model;  ///< on `device`
  at::Device device;
  bool is_device_step;  ///< steps are those of a GPU: DeviceStep
  std::optional<Utilisation> utilisation;  ///< where the device's peak is known
  OnProgress const& on_progress;
};

/// What the next line of the curve needs of the steps since the last one.
struct Pace {
  double since_s = 0.0;
  double wait_s = 0.0;  ///< of the prefetcher, at that time
  std::int64_t num_clips = 0;
};

/// Counters of one rank's loading, at some time.
struct LoadCounters {
  double time_s = 0.0;  ///< of training so far, without validations and saves
  double wait_s = 0.0;
  double work_s = 0.0;  ///< of all threads
  double num_bytes = 0.0;
  double num_clips = 0.0;
  double num_ready = 0.0;  ///< micro-batches, summed over num_asked
  double num_asked = 0.0;
};

/// The loop: reads top to bottom in run(). Collective.
class TrainLoop {
 public:
  explicit TrainLoop(TrainParts parts);

  /// From the checkpoint that checkpoint.resume says (start_point.hpp).
  /// Returns where it goes on; none for a fresh start.
  std::optional<ResumePoint> resume();
  /// Where that was, and what the run began with, for the records.
  std::optional<std::string> const& resumed_from() const {
    return resumed_from_;
  }
  std::optional<std::string> const& started_from() const {
    return state_.started_from;
  }
  TrainOutcome run(RunLog& log);
  std::int64_t total_steps() const { return length_.total_steps; }

 private:
  /// One step, on a CPU or on a GPU (train_loop_device.cpp).
  void step_on_host(StepPlan const& plan, MicroBatchPrefetcher& batches,
                    RunLog& log);
  void step_on_device(StepPlan const& plan, MicroBatchPrefetcher& batches,
                      RunLog& log);
  void start_device();
  DeviceScores score(MicroBatch const& batch);
  /// What follows of a step that the device has done.
  void settle(DoneStep const& done, RunLog& log);
  /// Forward and backward of this rank's micro-batches of the next step.
  void run_micro_batches(StepPlan const& plan, MicroBatchPrefetcher& batches,
                         RunLog& log);
  void run_micro_batch(StepPlan const& plan, MicroBatch const& batch);
  StepSums finish_exchange();
  /// Ranks agree on how the step went and on what follows it.
  void agree_on_step(Result<void> const& mine, RunLog& log);
  void update(StepSums const& sums, RunLog& log);
  /// The step leaves all as it was, or ends the run.
  void skip(StepSums const& sums, StepHealth health, RunLog& log);
  LossScale scaled(bool was_finite) const;
  /// Those that are still on their way from other ranks. Collective.
  void settle_parameters();
  TrainedParts trained();
  void record(StepPlan const& plan, StepSums const& sums,
              MicroBatchPrefetcher const& batches, RunLog& log);
  /// The step that is counted from 0 as `step` met bad clips.
  void count_bad(std::int64_t step, std::int64_t num_bad, RunLog& log);
  /// A step changes nothing, or ends the run, for the reason in `what`.
  void report_skip(std::int64_t step, std::string const& what, RunLog& log);
  void advance_pace(StepPlan const& plan);
  bool is_line_due() const;
  void write_line(StepSums const& sums, MicroBatchPrefetcher const& batches,
                  RunLog& log);
  /// A rank that is slow has an alert. Returns the slowest. Collective.
  std::optional<Skew> look_at_skew(RunLog& log);
  /// What TensorBoard shows beside the curve (train_loop_records.cpp): frames
  /// of an epoch's first batch; histograms, of a step that is done.
  void show_frames(MicroBatch const& batch, RunLog& log) const;
  bool is_histogram_due() const;
  void write_histograms(RunLog& log, double scale = 1.0);
  /// At the end of an epoch, or of the run.
  void record_data(MicroBatchPrefetcher const& batches, RunLog& log);
  void validate(RunLog& log);
  /// Patience, and whether it has ended.
  void judge(double top1);
  /// Begins to save this step; where nothing may come between, until it is
  /// published.
  void save(RunLog& log);
  /// Goes on with what is in flight, by the flags of all ranks.
  void advance_save(CheckpointSaver::Flags any, RunLog& log);
  /// Until what is in flight is published; finish_save is a phase of its own.
  void wait_for_save(RunLog& log);
  void finish_save(RunLog& log);
  /// Takes note of how long `what` keeps the steps waiting.
  void hold_for_save(std::function<void()> const& what, RunLog& log);
  /// Of what killed jobs left.
  void tidy_checkpoints();
  void run_steps(RunLog& log, MicroBatchPrefetcher& batches);
  bool has_steps_left() const;
  bool is_evaluation_due() const;
  bool is_checkpoint_due() const;
  double epoch() const;

  TrainParts parts_;
  BatchPlan plan_;
  RunLength length_;
  std::vector<ParameterInfo> parameters_;
  std::vector<BatchNorm*> norms_;
  std::unique_ptr<GradientSum> sums_;  ///< on a CPU, as optimizer_
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<WeightAverage> average_;   ///< none without train.ema
  std::unique_ptr<DeviceStep> device_;       ///< on a GPU
  std::optional<FrozenCasts> frozen_casts_;  ///< while it runs
  StepGuard guard_;
  std::unique_ptr<Collective> collective_;
  CheckpointStore checkpoints_;
  CheckpointSaver saver_;
  RunIdentity identity_;
  TrainState state_;
  SaveSchedule schedule_;
  std::optional<std::string> resumed_from_;
  std::int64_t saved_step_ = -1;  ///< the step that is in a checkpoint
  double saved_s_ = 0.0;          ///< when its save began to write
  double save_held_s_ = 0.0;      ///< that its save held up the steps
  Pace pace_;
  PhaseTimes phases_;
  StepTrace trace_;
  RankChecks checks_;
  SkewWatch skew_;
  OwnTimes own_;  ///< since the last line
  double backward_begin_s_ = 0.0;
  LoadCounters loaded_;      ///< at the last report
  double paused_s_ = 0.0;    ///< in validations and checkpoints
  double num_loaded_ = 0.0;  ///< clips of this rank
  double lr_ = 0.0;
  double grad_norm_ = 0.0;
  bool stop_agreed_ = false;
  bool save_agreed_ = false;
};

}  // namespace gasm
