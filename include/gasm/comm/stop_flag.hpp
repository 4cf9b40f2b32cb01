// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gasm {

/// Turns SIGINT, SIGTERM and SIGUSR1 into a flag for as long as it lives, so
/// that a run ends at a step border with a checkpoint. One at a time a process.
///
/// The flag is this rank's only: ranks agree on it (all_reduce_max) at a step
/// border, since signals reach them at different times or not all of them.
/// A second SIGINT ends the process at once, by that signal (a shell says 130).
///
/// What arrives here under mpirun (Open MPI 4.1.4, tried):
/// - Each rank is in a process group of its own, so Ctrl-C in the terminal
///   reaches mpirun alone. On SIGINT and on SIGTERM alike mpirun sends the
///   ranks SIGTERM, SIGKILL `odls_base_sigkill_timeout` seconds later (1 by
///   default), and returns 1 whatever they return. It waits that long even if
///   they end sooner (about twice: 18 s for a value of 10).
/// - SIGUSR1 to mpirun is forwarded and nothing is killed: the ranks take the
///   time they need, and mpirun returns 85 if all of them do. A rank that has
///   no StopFlag yet is killed by it.
/// So a graceful stop is SIGUSR1, which a launching script sends on Ctrl-C
/// (mpirun in a session of its own, then `trap 'kill -USR1 $pid' INT TERM`);
/// where SIGTERM must do, set OMPI_MCA_odls_base_sigkill_timeout to more than
/// a step and a checkpoint take.
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
