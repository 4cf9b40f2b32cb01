// SPDX-License-Identifier: Apache-2.0
#include "nccl_api.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>

#include "gasm/base/error.hpp"
#include "gasm/base/host_name.hpp"

namespace gasm {
namespace {

constexpr int kCudaMajor = CUDART_VERSION / 1000;

/// Stays loaded until the process ends.
void* open_library(std::string const& name) {
  if (void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_GLOBAL))
    return library;
  throw error(
      "NCCL cannot be used (cannot load {}). Try parallel.backend: mpi, or a "
      "folder that holds it in LD_LIBRARY_PATH",
      name);
}

template <class Function>
void find(void* library, char const* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr)
    throw error(
        "NCCL cannot be used (its library, or CUDA's, has no {}). Try a newer "
        "one, or parallel.backend: mpi",
        name);
}

void find_nccl(void* library, NcclApi& api) {
  find(library, "ncclGetVersion", api.get_version);
  find(library, "ncclGetUniqueId", api.get_unique_id);
  find(library, "ncclCommInitRankConfig", api.init);
  find(library, "ncclCommGetAsyncError", api.get_async_error);
  find(library, "ncclGetErrorString", api.error_string);
  find(library, "ncclCommFinalize", api.finalize);
  find(library, "ncclCommDestroy", api.destroy);
  find(library, "ncclCommAbort", api.abort);
  find(library, "ncclAllReduce", api.all_reduce);
  find(library, "ncclReduceScatter", api.reduce_scatter);
  find(library, "ncclAllGather", api.all_gather);
  find(library, "ncclBroadcast", api.broadcast);
  find(library, "ncclRedOpCreatePreMulSum", api.make_scaled_sum);
  find(library, "ncclRedOpDestroy", api.destroy_op);
}

void find_cuda(void* library, NcclApi& api) {
  find(library, "cudaGetErrorString", api.cuda_error_string);
  find(library, "cudaGetDeviceCount", api.get_device_count);
  find(library, "cudaSetDevice", api.set_device);
  find(library, "cudaDeviceGetPCIBusId", api.get_bus_id);
  find(library, "cudaStreamCreateWithFlags", api.create_stream);
  find(library, "cudaStreamDestroy", api.destroy_stream);
  find(library, "cudaStreamQuery", api.query_stream);
}

}  // namespace

NcclApi load_nccl() {
  NcclApi api;
  find_cuda(open_library(fmt::format("libcudart.so.{}", kCudaMajor)), api);
  find_nccl(open_library("libnccl.so.2"), api);
  return api;
}

std::string version_text(int nccl_version) {
  return fmt::format("{}.{}.{}", nccl_version / 10000, nccl_version / 100 % 100,
                     nccl_version % 100);
}

void check_nccl(NcclApi const& api, ncclResult_t result, char const* what) {
  if (result == ncclSuccess) return;
  throw error("NCCL failed in {} ({})", what, api.error_string(result));
}

void check_cuda(NcclApi const& api, cudaError_t result, char const* what) {
  if (result == cudaSuccess) return;
  throw error("CUDA failed in {} ({})", what, api.cuda_error_string(result));
}

int num_devices(NcclApi const& api) {
  int count = 0;
  auto const result = api.get_device_count(&count);
  if (result == cudaSuccess && count > 0) return count;
  throw error(
      "there is no GPU for NCCL on host {} ({}). Try parallel.backend: mpi",
      host_name(),
      result == cudaSuccess ? "CUDA sees none" : api.cuda_error_string(result));
}

NcclDevice open_device(NcclApi const& api, int number) {
  int const count = num_devices(api);
  if (number < 0 || number >= count)
    throw error("there is no CUDA device {} (devices 0 to {} are visible)",
                number, count - 1);
  check_cuda(api, api.set_device(number), "cudaSetDevice");
  std::array<char, 64> text{};
  check_cuda(api,
             api.get_bus_id(text.data(), static_cast<int>(text.size()), number),
             "cudaDeviceGetPCIBusId");
  return {number, text.data()};
}

}  // namespace gasm
