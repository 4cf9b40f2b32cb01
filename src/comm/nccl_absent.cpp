// SPDX-License-Identifier: Apache-2.0
// What the program says of NCCL where it was built without.
#include "gasm/comm/agree.hpp"
#include "gasm/comm/nccl_collective.hpp"

namespace gasm {
namespace {

Error absence() {
  return error(
      "NCCL is not in this build (CMake found no nccl.h and "
      "cuda_runtime_api.h, or GASM_CUDA was OFF). Try parallel.backend: mpi, "
      "or build with a LibTorch for CUDA");
}

}  // namespace

std::unique_ptr<Collective> make_nccl_collective(Communicator const& comm,
                                                 NcclOptions const&) {
  agree_failures(comm, absence());
  throw absence();
}

int cuda_device_of(Communicator const& comm) {
  agree_failures(comm, absence());
  throw absence();
}

NcclInfo nccl_info() {
  return {.is_built = false, .version = {}, .problem = absence().what()};
}

}  // namespace gasm
