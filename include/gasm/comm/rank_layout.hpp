// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "gasm/comm/communicator.hpp"

namespace gasm {

/// {0, 1, 2, 5}: "0-2,5". Not collective.
std::string ranges_text(std::set<int> const& numbers);

/// Where a rank runs.
struct RankPlace {
  std::string host;
  std::vector<int> cores;  ///< that it may run on, ascending
  std::string device;      ///< "cpu", "cuda:3"
};

/// This process's, with a device of the caller's choice. Not collective.
RankPlace place_of_this_rank(std::string const& device);

/// One line a machine, in order of their first ranks, e.g.
/// "node n17: ranks 0-3 on cuda:0-3, cores 0-31, 8 a rank". Says where ranks
/// share cores, or are more than these. `places` by rank. Not collective.
std::string layout_text(std::vector<RankPlace> const& places);

/// The same for all ranks of `comm`, on all of them. Collective.
std::string rank_layout(Communicator const& comm, std::string const& device);

}  // namespace gasm
