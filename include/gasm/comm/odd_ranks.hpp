// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gasm/comm/communicator.hpp"

namespace gasm {

/// Ranks that are not like most.
struct OddRanks {
  std::set<int> odd;     ///< never empty
  int usual = 0;         ///< the lowest of those that are like most
  std::string of_odd;    ///< what *odd.begin() has
  std::string of_usual;  ///< what `usual` has

  /// "rank 3", "ranks 1-2,5".
  std::string who() const;
};

/// Whose of `values`, by rank, is not the most frequent one; of two that are
/// as frequent, that of the lower rank counts. nullopt: all are equal. The
/// texts are left empty. Not collective.
std::optional<OddRanks> odd_among(std::vector<std::uint64_t> const& values);

/// The same for a text of any length on each rank, of which only checksums
/// travel while all are equal. The same on all ranks. Collective.
std::optional<OddRanks> find_odd_ranks(Communicator const& comm,
                                       std::string_view text);

/// The first line of two texts that differs, from each; "nothing" of the one
/// that has ended. Not collective.
struct LinePair {
  std::string left;
  std::string right;
};
LinePair first_difference(std::string const& left, std::string const& right);

}  // namespace gasm
