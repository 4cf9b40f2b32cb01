// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mpi.h>

#include <algorithm>
#include <cstddef>

#include "gasm/comm/communicator.hpp"

namespace gasm {

struct Communicator::Native {
  MPI_Comm comm;
};

/// What the sources of this module see of a Communicator.
struct NativeAccess {
  static Communicator::Native* native(Communicator const& comm) {
    return comm.native_.get();
  }
  static Communicator adopt(MPI_Comm owned);
};

/// How many bytes one MPI call moves at most.
std::size_t max_message_bytes();

/// Calls body(first, count) for consecutive pieces of 0 .. num_items - 1 that
/// hold at most max_message_bytes() each (one item at least).
template <class Body>
void for_each_piece(std::size_t num_items, std::size_t item_bytes, Body body) {
  std::size_t const most =
      std::max<std::size_t>(1, max_message_bytes() / item_bytes);
  for (std::size_t first = 0; first < num_items; first += most)
    body(first, std::min(most, num_items - first));
}

}  // namespace gasm
