// SPDX-License-Identifier: Apache-2.0
#include "run_options.hpp"

#include "gasm/base/file.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/config/load.hpp"

namespace gasm {

void add_config_options(CommandLine& line, ConfigOptions& options) {
  line.require("config", options.path, "FILE",
               "YAML configuration of the run.");
  line.add_each("set", options.overrides, "A.B=VALUE",
                "Override one key; may come many times, the last one wins.");
}

RunConfig read_config(Communicator const& world, ConfigOptions const& options) {
  auto text = agree_call(world, [&]() -> std::string {
    if (!world.is_root()) return {};
    auto bytes = read_text(options.path);
    if (!bytes)
      throw usage_error("{}. Try an existing file after --config",
                        bytes.error().what());
    return *std::move(bytes);
  });
  world.broadcast(text);
  return parse_config(text, options.path, options.overrides);
}

}  // namespace gasm
