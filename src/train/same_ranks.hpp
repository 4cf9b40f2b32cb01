// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <string>

#include "gasm/comm/communicator.hpp"
#include "gasm/config/run_config.hpp"
#include "gasm/store/sample_store.hpp"

namespace gasm {

/// Refuses hosts whose files of one path hold different data. Throws the same
/// AgreedError on all ranks. Collective.
void require_same_data(Communicator const& world, SampleStore const& store);

/// Refuses ranks whose model is not bit for bit that of most: each would go
/// on from its own, and the sum of their gradients would mean nothing. Throws
/// the same AgreedError on all ranks, which names the first tensor that
/// differs. Collective.
void require_same_weights(Communicator const& world,
                          torch::nn::Module const& model);

/// A checksum of all its tensors. Not collective.
std::uint64_t weights_checksum(torch::nn::Module const& model);

/// Ranks whose model is not that of most.
struct OddWeights {
  std::string who;  ///< "rank 3"
  int usual = 0;
  std::string parameter;  ///< the first that differs
};

/// Compares tensor by tensor; nullopt: all ranks have the same. Collective.
std::optional<OddWeights> find_odd_weights(Communicator const& world,
                                           torch::nn::Module const& model);

/// Refuses (usage_error) more ranks than a step can ever give work to: than
/// its clips, or than parallel.virtual_ranks.
/// Returns what to warn of where a step of `num_micro` micro-batches and
/// `num_clips` clips leaves ranks without any, or "".
std::string check_shares(RunConfig const& config, std::int64_t num_clips,
                         std::int64_t num_micro, int num_ranks);

}  // namespace gasm
