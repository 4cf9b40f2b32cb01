// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gasm/comm/flight_file.hpp"
#include "gasm/comm/odd_ranks.hpp"

namespace gasm {

/// Where ranks first called something else.
struct CallDifference {
  std::uint64_t sequence = 0;
  /// of_odd and of_usual are the calls: "all_reduce of 40 bytes (fp64)".
  OddRanks ranks;
};

/// The first difference between the calls of ranks, by rank, after the
/// collective `after`; a rank without any is left out. Looks where all of them
/// still have or already have calls: a rank that has called fewer, so far,
/// differs in nothing. Of two that are as frequent, that is usual which
/// followed the same calls before; else that of the lower rank. nullopt: there
/// is none. Not collective.
std::optional<CallDifference> first_call_difference(
    std::vector<std::vector<FlightCall>> const& calls_by_rank,
    std::uint64_t after = 0);

/// "all_reduce of 40 bytes (fp64)"; without the bytes where each rank has its
/// own.
std::string call_text(FlightCall const& call);

}  // namespace gasm
