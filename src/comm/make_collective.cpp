// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/agree.hpp"
#include "gasm/comm/nccl_collective.hpp"

namespace gasm {

std::unique_ptr<Collective> make_collective(Communicator const& comm,
                                            Memory memory,
                                            NcclOptions const& options) {
  auto const all = comm.all_gather(memory);
  for (std::size_t rank = 1; rank < all.size(); ++rank)
    if (all[rank] != all[0])
      throw AgreedError(
          error("rank {} works in {}, rank 0 in {} (all ranks need one type of "
                "device). Try hosts that all have GPUs, or "
                "parallel.backend: mpi",
                rank, name_of(all[rank]), name_of(all[0])));
  return memory == Memory::cuda ? make_nccl_collective(comm, options)
                                : make_mpi_collective(comm);
}

}  // namespace gasm
