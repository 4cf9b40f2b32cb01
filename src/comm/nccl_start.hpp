// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nccl_api.hpp"

namespace gasm {

/// What all ranks must agree on before they open an NCCL communicator: each
/// has the library in one version, and a GPU of its own unless NCCL allows
/// to share. Returns this rank's device. Throws the same AgreedError on all
/// ranks. Collective.
NcclDevice agree_on_devices(Communicator const& comm,
                            NcclOptions const& options, NcclApi const& api);

/// Devices in turn over the ranks of this machine. Collective.
int device_by_local_rank(Communicator const& comm, NcclApi const& api);

}  // namespace gasm
