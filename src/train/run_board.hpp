// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/config/run_config.hpp"
#include "gasm/eval/evaluate.hpp"
#include "gasm/record/histogram.hpp"
#include "gasm/record/manifest.hpp"
#include "gasm/record/metrics.hpp"
#include "gasm/record/run_folder.hpp"
#include "gasm/record/tensorboard.hpp"
#include "gasm/store/sample_store.hpp"

namespace gasm {

using NamedHistograms = std::vector<std::pair<std::string, Histogram>>;

/// What TensorBoard shows of a run: on rank 0 alone.
class RunBoard {
 public:
  /// Opens an event file with the run's texts and its row of the HPARAMS tab.
  static Result<RunBoard> open(RunFolder const& folder, RunConfig const& config,
                               Manifest const& manifest,
                               std::string const& model_summary,
                               std::optional<std::int64_t> resume_step);

  Result<void> write_line(MetricsLine const& line);
  Result<void> write_histograms(std::int64_t step,
                                NamedHistograms const& histograms);
  /// Some frames of a batch's first clips, u8 [B, T, 3, H, W].
  Result<void> write_frames(std::int64_t step, at::Tensor const& clips);
  /// The confusion matrix and the projector's points, where there are some.
  Result<void> write_eval(std::int64_t step, EvalResult const& result,
                          SampleStore const& store);
  /// A run that is only stopped has no end.
  Result<void> finish(RunState state);

 private:
  RunBoard(TensorBoardWriter writer, RunFolder folder)
      : writer_(std::move(writer)), folder_(std::move(folder)) {}

  TensorBoardWriter writer_;
  RunFolder folder_;
  std::int64_t last_step_ = 0;
};

}  // namespace gasm
