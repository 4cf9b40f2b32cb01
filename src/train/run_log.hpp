// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/config/run_config.hpp"
#include "gasm/eval/evaluate.hpp"
#include "gasm/record/alert_desk.hpp"
#include "gasm/record/alert_judge.hpp"
#include "gasm/record/manifest.hpp"
#include "gasm/record/metrics.hpp"
#include "gasm/record/run_folder.hpp"
#include "gasm/record/run_watch.hpp"
#include "gasm/store/sample_store.hpp"
#include "gradient_sum.hpp"
#include "rank_skew.hpp"
#include "run_board.hpp"
#include "run_gauges.hpp"

namespace gasm {

/// Seconds of this rank's steps since the last line of the curve.
struct PhaseTimes {
  double forward_s = 0.0;
  double backward_s = 0.0;
  double wait_s = 0.0;  ///< for the exchange, after backward
  double optimizer_s = 0.0;
  ExchangeCost exchange;
  int num_steps = 0;
  double checkpoint_s = 0.0;  ///< in all, that saves held up the steps
};

/// One training step as the curve shows it.
struct StepReport {
  std::int64_t step = 0;  ///< steps done
  double epoch = 0.0;
  double loss = 0.0;
  double top1 = 0.0;
  double lr = 0.0;
  double grad_norm = 0.0;
  std::int64_t num_bad = 0;      ///< clips that a substitute stood in for
  std::int64_t num_skipped = 0;  ///< steps so far that changed nothing
  double clips_per_s = 0.0;
  std::optional<double> mfu = {};   ///< Utilisation::at
  double data_wait_fraction = 0.0;  ///< of the step's time, of this rank
  PhaseTimes phases;  ///< of no step where a GPU works behind the host
  std::optional<Skew> skew = {};  ///< where ranks can be compared
};

/// What feeding the model took in one epoch, over all ranks.
struct DataReport {
  std::int64_t step = 0;
  double epoch = 0.0;
  double read_gb_per_s = 0.0;  ///< of all ranks together
  double load_ms = 0.0;        ///< of a thread, for one clip
  double queue_depth = 0.0;    ///< micro-batches ready when one was asked for
  double data_wait_fraction = 0.0;  ///< of the time, mean of the ranks
};

/// The records of a run: written by rank 0, silent on the others. Not
/// collective; what fails on rank 0 is a Result that the loop agrees on.
class RunLog {
 public:
  /// Opens the curve (cut to `resume` if the run goes on), TensorBoard,
  /// Prometheus' file and the manifest, and begins to watch the run. A
  /// checkpoint takes about `checkpoint_bytes`.
  static Result<RunLog> open(Communicator const& world, RunFolder const& folder,
                             RunConfig const& config, Manifest manifest,
                             std::string const& model_summary,
                             std::optional<ResumePoint> resume,
                             double checkpoint_bytes);

  /// A sign of life: what OnProgress is told.
  void note_progress(std::string_view what, std::int64_t done);
  /// The last line of the curve for people: "loss 1.2345, 9.1 clips/s, data
  /// wait 3 %"; "" before the first.
  std::string const& headline() const { return headline_; }

  Result<void> write_step(StepReport const& report);
  Result<void> write_data(DataReport const& report);
  /// `store`: what was evaluated on.
  Result<void> write_eval(std::int64_t step, double epoch,
                          EvalResult const& result, SampleStore const& store);
  /// What TensorBoard shows beside the curve; none on other ranks, and
  /// without log.tensorboard.
  RunBoard* board() { return board_ ? &*board_ : nullptr; }
  Result<void> alert(std::int64_t step, std::string const& kind,
                     std::string const& text);
  /// That `num_bad` clips could not be decoded.
  Result<void> alert_bad_clips(std::int64_t step, std::string_view what,
                               std::int64_t num_bad);
  /// Before a checkpoint that relies on the curve.
  Result<void> sync();
  /// A checkpoint is complete.
  void note_checkpoint(std::int64_t step);
  Result<void> finish(RunState state, std::string const& message);

 private:
  RunLog(RunFolder folder, Manifest manifest)
      : folder_(std::move(folder)), manifest_(std::move(manifest)) {}
  Result<void> write_line(MetricsLine line);
  void open_alerts(RunConfig const& config, double checkpoint_bytes);

  RunFolder folder_;
  Manifest manifest_;
  std::optional<MetricsWriter> metrics_;
  std::optional<RunBoard> board_;
  std::optional<RunGauges> gauges_;
  double record_s_ = 0.0;  ///< what the last line of a step took
  std::string headline_;
  std::optional<AlertJudge> judge_;
  std::unique_ptr<AlertDesk> desk_;
  std::unique_ptr<RunWatch> watch_;  // after the desk, which it uses
};

}  // namespace gasm
