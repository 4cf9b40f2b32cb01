// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace gasm {

/// What the MPI library says of itself, first line, e.g. "Open MPI v4.1.4,
/// package: Debian OpenMPI, ...". Works before MPI has started. Not collective.
std::string mpi_library_version();

/// The thread support that MPI was started with, e.g. "MPI_THREAD_FUNNELED";
/// "MPI is not running" where it is not. Not collective.
std::string mpi_thread_level();

}  // namespace gasm
