// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace gasm {

struct WatchdogOptions {
  int rank = 0;
  int num_ranks = 1;
  /// The status board (status_board.hpp), the same for all ranks: a file in
  /// the run folder, beside which ranks leave what their flight recorders
  /// hold (flight_file.hpp). Empty: one in a folder of the launcher's, for
  /// the ranks of this host; if there is none, a rank names itself only.
  std::filesystem::path board_path = {};
  /// Multiplies every deadline (slow machines, debuggers); 0: no deadlines.
  double deadline_scale = 1.0;
};

/// Ends a process that waits for ranks that do not come.
///
/// Work is cut into phases (Phase below) with deadlines. When one passes, a
/// background thread asks all ranks, by the board, to write where they are
/// and what they called; the first rank to do so prints one report, which
/// names the rank that does not go on, its host, phase, last collective,
/// bucket and parameter, and what the others wait for. It is kept beside the
/// board as NAME-report. Then the process ends with ExitCode::watchdog, which
/// makes mpirun end the others. The thread uses no MPI.
///
/// Not collective. Phases are entered and left by one thread; progress() may
/// come from any.
class Watchdog {
 public:
  explicit Watchdog(WatchdogOptions options = {});
  ~Watchdog();
  Watchdog(Watchdog const&) = delete;
  Watchdog& operator=(Watchdog const&) = delete;

  /// A sign of life, e.g. "train step 120": the deadline of the current phase
  /// starts again. Reaches the board once a second at most; where the rank
  /// waits afterwards does within a second, too.
  void progress(std::string_view what);

  /// The names of the phases that are open, outermost first: "train > save".
  std::string current_phase() const;

 private:
  friend class Phase;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A stretch of work under a watchdog, from here to the end of the scope:
///   Phase phase(watchdog, "load checkpoint", 300);
/// While a phase is open inside another, only its own deadline counts; when
/// it ends, the outer one's starts again. deadline_s <= 0: none.
/// If it ends by an exception, run_guarded names it in its message.
class Phase {
 public:
  Phase(Watchdog& watchdog, std::string_view name, double deadline_s);
  ~Phase();
  Phase(Phase const&) = delete;
  Phase& operator=(Phase const&) = delete;

 private:
  Watchdog& watchdog_;
  int num_exceptions_;
};

}  // namespace gasm
