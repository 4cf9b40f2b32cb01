// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <memory>
#include <string>

#include "gasm/comm/nccl_collective.hpp"

namespace gasm {

/// The functions of NCCL and of the CUDA runtime that are used here. They are
/// loaded when somebody asks for them: programs start as fast, and anywhere,
/// and share the one NCCL that LibTorch may have loaded. A test may put
/// others in their place.
struct NcclApi {
  decltype(&::ncclGetVersion) get_version = nullptr;
  decltype(&::ncclGetUniqueId) get_unique_id = nullptr;
  decltype(&::ncclCommInitRankConfig) init = nullptr;
  decltype(&::ncclCommGetAsyncError) get_async_error = nullptr;
  decltype(&::ncclGetErrorString) error_string = nullptr;
  decltype(&::ncclCommFinalize) finalize = nullptr;
  decltype(&::ncclCommDestroy) destroy = nullptr;
  decltype(&::ncclCommAbort) abort = nullptr;
  decltype(&::ncclAllReduce) all_reduce = nullptr;
  decltype(&::ncclReduceScatter) reduce_scatter = nullptr;
  decltype(&::ncclAllGather) all_gather = nullptr;
  decltype(&::ncclBroadcast) broadcast = nullptr;
  decltype(&::ncclRedOpCreatePreMulSum) make_scaled_sum = nullptr;
  decltype(&::ncclRedOpDestroy) destroy_op = nullptr;

  decltype(&::cudaGetErrorString) cuda_error_string = nullptr;
  decltype(&::cudaGetDeviceCount) get_device_count = nullptr;
  decltype(&::cudaSetDevice) set_device = nullptr;
  decltype(&::cudaDeviceGetPCIBusId) get_bus_id = nullptr;
  cudaError_t (*create_stream)(cudaStream_t*, unsigned int) = nullptr;
  decltype(&::cudaStreamDestroy) destroy_stream = nullptr;
  decltype(&::cudaStreamQuery) query_stream = nullptr;
};

/// Throws Error where a library or a function in it is missing.
NcclApi load_nccl();

/// "2.28.9" for 22809.
std::string version_text(int nccl_version);

/// Throws Error with NCCL's, or CUDA's, own text unless `result` is a success.
void check_nccl(NcclApi const& api, ncclResult_t result, char const* what);
void check_cuda(NcclApi const& api, cudaError_t result, char const* what);

/// How many devices this process sees, at least one; else throws Error.
int num_devices(NcclApi const& api);

/// This rank's device number; throws Error for one that is not there. Its bus
/// number is what ranks compare.
struct NcclDevice {
  int number = 0;
  std::string bus_id;
};
NcclDevice open_device(NcclApi const& api, int number);

/// As the public function, with functions of the caller's choice.
std::unique_ptr<Collective> make_nccl_collective(Communicator const& comm,
                                                 NcclOptions const& options,
                                                 NcclApi const& api);

}  // namespace gasm
