// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "gasm/record/alert_desk.hpp"

namespace gasm {

struct RunWatchOptions {
  double stall_factor = 10;  ///< of the usual time of a step; 0: never
  double stall_s = 60;       ///< at least; the usual until a step is done
  std::filesystem::path checkpoints = {};  ///< folder, whose disk is looked at
  std::optional<double> disk_bytes = {};   ///< none: two checkpoints; 0: never
  /// What one takes while there is none.
  double first_checkpoint_bytes = 0;
};

/// A thread that raises what a loop which stands still cannot: `stall`, once
/// for each standstill, and `disk`, looked at every ten seconds. Intervals are
/// of the monotonic clock.
class RunWatch {
 public:
  /// `desk` outlives it.
  RunWatch(AlertDesk& desk, RunWatchOptions options);
  ~RunWatch();
  RunWatch(RunWatch const&) = delete;
  RunWatch& operator=(RunWatch const&) = delete;

  /// That `step` steps are done. From any thread, as note_life.
  void note_step(std::int64_t step);
  /// A sign of life that is no step, such as one of a validation.
  void note_life();

 private:
  void work(std::stop_token const& stop);
  void look_for_stall();
  void look_at_disk();
  /// The middle of the last intervals between steps. Under mutex_.
  std::optional<double> usual_s() const;

  AlertDesk& desk_;
  RunWatchOptions options_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  double life_s_;
  std::int64_t step_ = 0;
  bool is_reported_ = false;
  std::deque<double> intervals_s_;
  std::jthread thread_;  // last: it uses the others
};

/// Bytes that a checkpoint of the folder takes: the newest step-N; none if
/// there is none.
std::optional<double> checkpoint_bytes(
    std::filesystem::path const& checkpoints);

}  // namespace gasm
