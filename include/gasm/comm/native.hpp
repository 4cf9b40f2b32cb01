// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mpi.h>

#include <cstddef>

#include "gasm/comm/communicator.hpp"

namespace gasm {

/// The one door to MPI's own types, for libraries that want a handle (HDF5).
/// Include it in sources only: it pulls in <mpi.h>.

/// The handle that `comm` owns; MPI_COMM_SELF for a null one, for which MPI
/// must then be running. Valid as long as `comm`. Not collective.
MPI_Comm native_handle(Communicator const& comm);

/// Makes `owned` (from MPI_Comm_dup, MPI_Comm_split, ...) a Communicator's.
/// Its errors become return codes. Not collective.
Communicator adopt_native(MPI_Comm owned);

/// Throws Error with MPI's own text if `code` is not MPI_SUCCESS.
void check_mpi(int code, char const* what);

/// Tests only: the largest number of bytes that one MPI call moves (1 GiB
/// until set); longer messages go in pieces. The same on every rank.
void set_max_message_bytes(std::size_t max_bytes);

}  // namespace gasm
