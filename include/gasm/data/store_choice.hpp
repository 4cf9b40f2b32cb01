// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "gasm/comm/communicator.hpp"
#include "gasm/config/data_config.hpp"

namespace gasm {

/// A store mode that is not `automatic`, and why it was taken.
struct StoreChoice {
  StoreMode mode = StoreMode::direct;
  std::string why;  ///< "1.2 GB fit into half of the 20.1 GB free"
};

/// What data.store: auto means for a store of `num_bytes`: the first of
/// resident, exchange and direct that fits into half of what memory the
/// fullest machine of the job has free. Collective; the same on all ranks.
StoreChoice choose_store_mode(Communicator const& world,
                              std::uint64_t num_bytes);

/// Bytes of the store that a machine with `ranks_here` of `num_ranks` ranks
/// keeps in memory; 0 for modes that keep no more than a window.
std::uint64_t kept_bytes(StoreMode mode, std::uint64_t num_bytes,
                         int ranks_here, int num_ranks);

/// The rule itself, of one machine with `ranks_here` of `num_ranks` ranks.
StoreChoice choose_store_mode(std::uint64_t num_bytes, std::uint64_t free_bytes,
                              int ranks_here, int num_ranks);

/// Bytes that this process may still allocate: what the system calls
/// available, or what its control group leaves, if that is less.
std::uint64_t free_memory_bytes();

}  // namespace gasm
