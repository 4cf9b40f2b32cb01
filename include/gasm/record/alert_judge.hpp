// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "gasm/record/alerts.hpp"
#include "gasm/record/metrics.hpp"

namespace gasm {

/// The limits of section `alerts` of the configuration that lines of the curve
/// are judged by.
struct AlertLimits {
  double loss_spike = 10;   ///< deviations; 0: never
  double top1_drop = 0.1;   ///< 0: never
  double data_wait = 0.5;   ///< 1: never
  double bad_clips = 0.01;  ///< 1: never
  std::int64_t clips_per_step = 1;
};

/// Decides what somebody should look at, from the curve alone, so that anybody
/// can decide it again from metrics.jsonl:
///
///   non_finite             a value of a line is not finite;
///   loss_spike             loss > m + loss_spike * max(1.4826 * MAD, 0.05),
///                          m and MAD being median and median absolute
///                          deviation of the finite losses of the last 50
///                          lines of `train` before it, of which 20 are there;
///   validation_regression  top1 < the best of `val` before it - top1_drop;
///   data_wait              mean data_wait of the last 5 lines of `train`
///                          > data_wait.
class AlertJudge {
 public:
  explicit AlertJudge(AlertLimits limits) : limits_(limits) {}

  /// What a line gives reason for, given those before it. To go on with an old
  /// curve, show its lines first.
  std::vector<Alert> judge(MetricsLine const& line);

  /// That `num_bad` clips of the training step `step` could not be decoded:
  /// decode_errors, if those of the last 100 steps are more than the share
  /// bad_clips of the clips of 100 steps.
  std::optional<Alert> judge_bad_clips(std::int64_t step, std::int64_t num_bad);

 private:
  std::optional<Alert> judge_loss(MetricsLine const& line);
  std::optional<Alert> judge_top1(MetricsLine const& line);
  std::optional<Alert> judge_data_wait(MetricsLine const& line);

  AlertLimits limits_;
  std::deque<double> losses_;
  std::deque<double> waits_;
  std::deque<std::pair<std::int64_t, std::int64_t>> bad_;     // step, clips
  std::optional<std::pair<std::int64_t, double>> best_top1_;  // of which step
};

}  // namespace gasm
