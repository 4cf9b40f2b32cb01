// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "gasm/comm/communicator.hpp"

namespace gasm {

/// Where two command lines differ: what is between the words that they begin
/// and end with alike.
struct CommandDifference {
  std::string left;
  std::string right;
};
CommandDifference difference_of(std::span<std::string const> left,
                                std::span<std::string const> right);

/// Throws the same AgreedError (usage) on all ranks if some run another
/// program than the others, or were given other words after its name: ranks
/// that do different things would compute nonsense together, or wait for each
/// other. Collective.
void require_same_start(Communicator const& world,
                        std::vector<std::string> const& words);

}  // namespace gasm
