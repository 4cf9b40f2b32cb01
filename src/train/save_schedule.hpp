// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "gasm/base/clock.hpp"
#include "gasm/config/checkpoint_config.hpp"

namespace gasm {

/// The time between two saves, in seconds of training, that loses least where
/// a save holds the training for `cost_s` and a failure comes every `mtbf_s` on
/// average (both above 0): J. T. Daly, "A higher order estimate of the optimum
/// checkpoint interval for restart dumps", Future Generation Computer Systems
/// 22 (2006) 303-312: three terms of its series, of which the first is Young's
/// sqrt(2 cost mtbf).
double optimum_save_interval_s(double cost_s, double mtbf_s);

/// When a checkpoint is due: at multiples of checkpoint.every_steps and
/// keep_every, and by the time since the last one. Not collective: steps are
/// the same on all ranks, of the time one rank's clock is to decide for all.
class SaveSchedule {
 public:
  /// `now_s`: a clock. One that jumps forwards makes a save due once; one that
  /// jumps back delays it by an interval at most.
  explicit SaveSchedule(CheckpointConfig const& config,
                        std::function<double()> now_s = monotonic_s);

  /// The training begins, or a save: the time to the next counts from here.
  void restart();
  bool is_step_due(std::int64_t step) const;
  bool is_time_due();
  /// A save has ended that held the training for `held_s`.
  void note_cost(double held_s);

  /// Seconds from a save to the next; infinite: not by time.
  double interval_s() const;
  /// What to tell people, where interval: auto has changed the interval by more
  /// than a tenth since they were told last.
  std::optional<std::string> take_news();

 private:
  CheckpointConfig config_;
  std::function<double()> now_s_;
  double since_s_ = 0.0;
  double held_s_ = 0.0;  ///< of all saves
  std::int64_t num_saves_ = 0;
  double told_s_ = 0.0;
};

}  // namespace gasm
