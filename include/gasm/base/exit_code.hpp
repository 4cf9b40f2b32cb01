// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gasm {

/// What a gasm process tells its caller (docs/errors.md).
enum class ExitCode : int {
  done = 0,
  usage = 2,           ///< bad command line, configuration or option value
  aborted = 3,         ///< one rank failed on its own; the job was aborted
  agreed_failure = 4,  ///< all ranks learned of a failure and ended in order
  watchdog = 75,       ///< a phase passed its deadline
  requeue = 85,        ///< checkpointed after a signal; start again to go on
};

}  // namespace gasm
