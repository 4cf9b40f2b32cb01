// SPDX-License-Identifier: Apache-2.0
#include "nccl_start.hpp"

#include <cstdlib>

#include "gasm/base/host_name.hpp"
#include "gasm/comm/agree.hpp"

namespace gasm {
namespace {

/// The first that lets ranks share a GPU.
constexpr int kSharingVersion = 23000;

void require_one_version(Communicator const& comm, int version) {
  auto const all = comm.all_gather(version);
  for (std::size_t rank = 1; rank < all.size(); ++rank)
    if (all[rank] != all[0])
      throw AgreedError(
          error("rank {} has loaded NCCL {}, rank 0 {} (they must be one "
                "version). Try the same LD_LIBRARY_PATH on all hosts",
                rank, version_text(all[rank]), version_text(all[0])));
}

/// Ranks with the same text, the lowest pair; -1, -1 where there is none.
struct Pair {
  int first = -1;
  int second = -1;
};

Pair find_equal(std::vector<std::string> const& texts) {
  for (std::size_t second = 1; second < texts.size(); ++second)
    for (std::size_t first = 0; first < second; ++first)
      if (texts[first] == texts[second])
        return {static_cast<int>(first), static_cast<int>(second)};
  return {};
}

void check_sharing(Communicator const& comm, NcclDevice const& device,
                   int version) {
  auto const pair =
      find_equal(comm.all_gather_strings(host_name() + " " + device.bus_id));
  if (pair.first < 0) return;
  if (version < kSharingVersion)
    throw AgreedError(error(
        "ranks {} and {} are on one GPU (NCCL {} takes one rank a GPU, 2.30 "
        "and later more). Try a rank a GPU, a newer libnccl.so.2 in "
        "LD_LIBRARY_PATH, or parallel.backend: mpi",
        pair.first, pair.second, version_text(version)));
  setenv("NCCL_MULTI_RANK_GPU_ENABLE", "1", 0);
}

}  // namespace

int device_by_local_rank(Communicator const& comm, NcclApi const& api) {
  int const count = agree_call(comm, [&] { return num_devices(api); });
  auto local = comm.node_local();
  int const device = local.rank() % count;
  local.close();
  return device;
}

NcclDevice agree_on_devices(Communicator const& comm,
                            NcclOptions const& options, NcclApi const& api) {
  int const by_rank = device_by_local_rank(comm, api);
  int version = 0;
  auto device = agree_call(comm, [&] {
    check_nccl(api, api.get_version(&version), "ncclGetVersion");
    return open_device(api, options.device.value_or(by_rank));
  });
  require_one_version(comm, version);
  check_sharing(comm, device, version);
  return device;
}

}  // namespace gasm
