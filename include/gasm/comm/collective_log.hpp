// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace gasm {

/// The collective that this process entered last: what a watchdog names when
/// ranks no longer meet. Counted over all communicators of the process, so
/// ranks that are in step have equal sequence numbers.
struct LastCollective {
  char const* name = "none";
  std::uint64_t sequence = 0;  ///< 1 for the first
  std::uint64_t bytes = 0;     ///< this rank's share
  bool inside = false;         ///< entered and not left
};

/// A snapshot; from any thread. Its fields may come from two neighbouring
/// collectives if one begins meanwhile.
LastCollective last_collective();

/// Enters a collective in the log for as long as it lives. Every Communicator
/// member does so itself; others who communicate through a library (parallel
/// HDF5) use one around each call. `name` must be a literal. A few
/// nanoseconds. One inside another belongs to the outer one.
class CollectiveScope {
 public:
  CollectiveScope(char const* name, std::uint64_t bytes);
  ~CollectiveScope();
  CollectiveScope(CollectiveScope const&) = delete;
  CollectiveScope& operator=(CollectiveScope const&) = delete;
};

}  // namespace gasm
