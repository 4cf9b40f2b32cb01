// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "command_line.hpp"

namespace gasm {

struct Command {
  char const* name;     ///< one word or two: "train", "data verify"
  char const* summary;  ///< for gasm --help
  int (*run)(Arguments const& arguments);
};

/// In the order of gasm --help.
std::span<Command const> all_commands();

/// "data verify" for words that begin {"data", "verify"}; null if there is
/// none. `words` is not empty.
Command const* find_command(std::vector<std::string> const& words);

}  // namespace gasm
