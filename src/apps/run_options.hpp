// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "command_line.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/config/run_config.hpp"

namespace gasm {

/// Where a command's configuration comes from.
struct ConfigOptions {
  std::string path;
  std::vector<std::string> overrides;  ///< "a.b=value", in order
};

/// Adds --config and --set to a command.
void add_config_options(CommandLine& line, ConfigOptions& options);

/// The configuration that all ranks share: the root reads the bytes, every
/// rank parses the same ones and throws the same error. Collective.
RunConfig read_config(Communicator const& world, ConfigOptions const& options);

}  // namespace gasm
