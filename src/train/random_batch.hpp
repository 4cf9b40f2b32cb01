// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "gasm/config/run_config.hpp"
#include "gasm/data/micro_batch.hpp"

namespace gasm {

/// Classes of the configuration, or those of Something-Something V2.
int num_bench_classes(RunConfig const& config);

/// What a configuration's model is fed with, and labels, all of it random:
/// features [B, ...] where data.source is features, else clips.
MicroBatch random_batch(RunConfig const& config, std::int64_t num_clips);

}  // namespace gasm
