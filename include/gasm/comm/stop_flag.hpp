// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gasm {

/// Turns SIGINT, SIGTERM and SIGUSR1 into a flag for as long as it lives, so
/// that a run ends at a step border with a checkpoint. One at a time a process.
///
/// The flag is this rank's only: ranks agree on it (all_reduce_max) at a step
/// border, since signals reach them at different times or not all of them.
/// A second SIGINT restores SIGINT's default action, so a third one kills.
class StopFlag {
 public:
  /// Throws Error if another one lives.
  StopFlag();
  /// Restores the actions that were there before.
  ~StopFlag();
  StopFlag(StopFlag const&) = delete;
  StopFlag& operator=(StopFlag const&) = delete;

  bool requested() const { return signal_number() != 0; }
  /// The last signal, or 0.
  int signal_number() const;
};

}  // namespace gasm
