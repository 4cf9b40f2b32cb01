// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "nccl_api.hpp"

namespace gasm {

/// An NCCL whose devices are the host: its collectives are those of MPI, in
/// doubles. What it is to answer, and what it was asked.
struct FakeNccl {
  // To answer.
  int version = 22809;
  int num_devices = 8;
  std::string bus_id;  ///< empty: one of this rank's own
  cudaError_t device_error = cudaSuccess;
  int num_pending_polls = 2;  ///< until a call has been taken up
  ncclResult_t async_error = ncclSuccess;
  cudaError_t stream_state = cudaSuccess;

  // Asked.
  int device = -1;
  int blocking = -1;
  std::vector<char> id;
  int num_aborts = 0;
  int num_destroyed = 0;
  int num_finalized = 0;
  int num_open_ops = 0;
  std::vector<float> factors;  ///< of scaled sums
};

/// The one that the functions of fake_api() work on.
FakeNccl& fake();

/// Resets it, and returns functions that talk to it. Collective over
/// test_world().
NcclApi fake_api();

}  // namespace gasm
