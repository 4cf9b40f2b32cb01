// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "gasm/config/fusion_spec.hpp"
#include "gasm/config/run_config.hpp"

namespace gasm::config_detail {

/// What stands before a complaint about a key path, e.g. "run.yaml:3:7: ".
using Locate = std::function<std::string(std::string_view path)>;

void check(RunConfig const& config, Locate const& locate);
void check(ModelConfig const& config, Locate const& locate);
void check(FusionSpec const& spec, Locate const& locate);

/// What model.kind: timesformer and cast need; nothing for fusion.
void check_baseline(ModelConfig const& config, Locate const& locate);
void check_baseline(RunConfig const& config, Locate const& locate);

/// What a run leaves behind: its log and its checkpoints.
void check_records(RunConfig const& config, Locate const& locate);

}  // namespace gasm::config_detail
