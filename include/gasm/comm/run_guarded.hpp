// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "gasm/base/exit_code.hpp"
#include "gasm/comm/communicator.hpp"

namespace gasm {

/// The only catch-all of the project: starts MPI, runs `body` with all ranks
/// of the job, ends MPI in order, and returns what main returns. Ranks that
/// run another program than the others, or with other arguments, are refused.
///
/// What an exception does, with more than one rank:
///   AgreedError, or an Error with ExitCode::usage: the same on all ranks by
///     contract. Rank 0 prints it, MPI ends in order, all return its code.
///     If the others do not come within 10 s (it was one rank's after all),
///     the rank prints it and aborts the job with ExitCode::aborted.
///   Anything else: the rank prints host, rank, phase and message, writes out
///     the log, and aborts all ranks with ExitCode::aborted.
/// With one rank every Error ends in order with its own code, and anything
/// else with ExitCode::aborted. An exception that leaves another thread is
/// printed in the same way and ends the process with ExitCode::aborted.
///
/// Collective: the whole program.
int run_guarded(int argc, char** argv,
                std::function<ExitCode(Communicator const& world)> const& body);

/// The same for a command that needs no MPI.
int run_guarded_serial(std::function<ExitCode()> const& body);

}  // namespace gasm
