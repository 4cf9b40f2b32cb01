// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string_view>

#include "gasm/comm/communicator.hpp"

namespace gasm {

/// The one place where tests make a rank fail: the environment variable
/// GASM_TEST_FAULT="KIND:RANK:PHASE[:STEP]" makes that rank fail when it
/// reaches that phase (and step). KIND: throw, exit, kill, hang (asleep), loop
/// (computing), stop (SIGSTOP, after a moment in that phase), crash (SIGSEGV),
/// slow (0.2 s), or signal (SIGUSR1). Without the variable it does nothing.
void fault_point(int rank, std::string_view phase, std::int64_t step = 0);

/// With KIND `extra` the rank sends a broadcast that nobody expects.
void fault_call(Communicator const& world, std::string_view phase,
                std::int64_t step);

/// With KIND `skip` the rank is to leave out a collective.
bool is_call_skipped(int rank, std::string_view phase, std::int64_t step);

/// With KIND `flip`, in the PHASE `weights`, one bit of a parameter changes.
void fault_weights(torch::nn::Module& model, int rank, std::int64_t step);

/// The loss as it is, or with KIND `nan`: in the PHASE `loss`, not a number;
/// in the PHASE `gradient`, the same number with a gradient that is none.
at::Tensor faulty_loss(at::Tensor const& loss, int rank, std::int64_t step);

/// With GASM_TEST_DEVICE_STEP a training on CPUs takes the step that is meant
/// for GPUs (DeviceStep), so that tests need none.
bool is_device_step_asked();

}  // namespace gasm
