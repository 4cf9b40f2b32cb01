// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "gasm/config/backbone_config.hpp"
#include "gasm/config/train_config.hpp"

namespace gasm {

/// What a backbone alone costs on this machine.
struct BackboneCost {
  std::int64_t parameters = 0;
  double traced_macs = 0;  ///< of one image or clip, counted while it runs
  int num_inputs = 0;      ///< images or clips of a forward pass
  double forward_s = 0;    ///< median
};

struct BenchBackboneOptions {
  int num_inputs = 1;
  Precision precision = Precision::fp32;
  int num_repeats = 5;
};

/// Forward passes of a backbone with random weights over random inputs of its
/// resolution (224 where it has none) and number of frames (16, TimeSformer
/// 8), after one that does not count. A usage error where it cannot be built.
BackboneCost bench_backbone(BackboneConfig const& config,
                            BenchBackboneOptions const& options);

}  // namespace gasm
