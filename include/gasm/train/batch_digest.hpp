// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gasm/comm/communicator.hpp"
#include "gasm/config/run_config.hpp"

namespace gasm {

/// One global batch of a training.
struct GlobalBatch {
  std::int64_t step = 0;         ///< of its epoch, from 0
  std::vector<std::string> ids;  ///< of the samples, in global order
  /// XXH64 over the digests of the samples in global order, each of them
  /// XXH64 over id, a zero byte, pixels u8 [T, 3, H, W] or features
  /// [S, L, D] (semantic, then motion), label i64, the share
  /// f64 that the label has of the loss, and the label i64 that has the rest
  /// (-1: none), all little-endian: everything that the model is fed.
  std::uint64_t digest = 0;
};

struct BatchRange {
  std::int64_t epoch = 0;  ///< >= 0
  std::int64_t from = 0;   ///< the first step of it
};

/// Makes the global batches of one epoch as `config` would train on them, in
/// its store mode, and tells the root of each, in order. The same at any
/// number of ranks. Throws a usage error for an epoch or step that the run
/// does not have. Collective.
void digest_batches(Communicator const& world, RunConfig const& config,
                    BatchRange range,
                    std::function<void(GlobalBatch const&)> const& on_batch);

}  // namespace gasm
