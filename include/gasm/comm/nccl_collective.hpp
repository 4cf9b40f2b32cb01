// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gasm/comm/collective.hpp"

namespace gasm {

struct NcclOptions {
  /// The CUDA device; unless set, that of cuda_device_of().
  std::optional<int> device = {};
  /// The cudaStream_t that all calls go into; none: a stream of its own.
  void* stream = nullptr;
  /// How long the start, or a wait(), may take.
  double deadline_s = 600.0;
  /// How often a thread asks NCCL whether it has failed, while the caller does
  /// something else, perhaps waiting for the device; 0: never.
  double poll_s = 0.5;
};

/// Over NCCL, among the ranks of `comm`; CUDA memory of this rank's device.
/// One communicator a stream, and one stream a communicator.
///
/// A call has been put into the stream when it returns: its results are there
/// for what follows in that stream, and for the host after wait(). The first
/// 100 calls are compared over all ranks as Collective says, by a small
/// message over MPI that all ranks wait for; later ones are trusted.
/// A failure, or a deadline that passes, aborts the communicator, so that the
/// device does not wait for ranks that are gone, and throws Error; every later
/// call throws, too, and says why. A failure that comes while nobody calls is
/// found by a thread that polls for it, and a watchdog that ends the process
/// aborts first. reduce() is refused: the fixed tree
/// works on host memory.
///
/// Throws the same AgreedError on all ranks where NCCL cannot be used: not in
/// this build, its library or a GPU missing, other versions on other ranks,
/// or several ranks on one GPU with an NCCL before 2.30 (later ones take
/// NCCL_MULTI_RANK_GPU_ENABLE, which is set then).
///
/// The destructor does not communicate: close() it. Collective.
std::unique_ptr<Collective> make_nccl_collective(
    Communicator const& comm, NcclOptions const& options = {});

/// The device for this rank: ranks of a machine take its devices in turn.
/// Throws the same AgreedError on all ranks where there is none. Collective.
int cuda_device_of(Communicator const& comm);

/// By the memory that numbers lie in: over NCCL or MPI. Throws the same
/// AgreedError on all ranks if they differ. Collective.
std::unique_ptr<Collective> make_collective(Communicator const& comm,
                                            Memory memory,
                                            NcclOptions const& options = {});

/// What this process finds of NCCL. Not collective.
struct NcclInfo {
  bool is_built = false;  ///< this program can use it
  std::string version;    ///< "2.28.9"; empty where none could be loaded
  int num_devices = 0;
  std::string problem;  ///< why it cannot be used here; empty if it can
};
NcclInfo nccl_info();

}  // namespace gasm
