// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <memory>
#include <vector>

#include "gasm/comm/collective.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/config/run_config.hpp"

namespace gasm {

/// What a rank could compute on.
struct RankOffer {
  bool is_linked = false;  ///< the program, with LibTorch's CUDA libraries
  int num_devices = 0;     ///< that it sees
  int local_rank = 0;      ///< among the ranks of its machine
};

/// Each rank's device, by rank: those of a machine in turn. Throws an
/// AgreedError that names the odd ranks where `choice` cannot be had on all.
/// Not collective: all ranks look at the same offers.
std::vector<at::Device> choose_devices(DeviceChoice choice,
                                       std::vector<RankOffer> const& offers);

/// This rank's, as train.device says; it becomes torch's current one. Throws
/// the same AgreedError on all ranks where it cannot be had, or cannot go with
/// parallel.backend. Collective.
at::Device train_device(Communicator const& world, RunConfig const& config);

/// What adds gradients up on GPUs, as parallel.backend says, in the stream
/// `stream` (a cudaStream_t); one rank adds nothing up. Throws the same
/// AgreedError on all ranks where it cannot be had, or where the configuration
/// asks for what only the fixed tree does. Collective.
std::unique_ptr<Collective> device_collective(Communicator const& world,
                                              RunConfig const& config,
                                              at::Device device, void* stream);

}  // namespace gasm
