// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gasm {

/// From now on SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT write the flight
/// file and a line that names rank and phase; then they do what they did
/// before. After MPI_Init, which has handlers of its own.
void watch_fatal_signals();

}  // namespace gasm
