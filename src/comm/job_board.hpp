// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

namespace gasm {

/// What the launcher (Open MPI, or PMIx under srun) says of this process
/// before MPI has started.
struct LaunchedRank {
  int rank = 0;
  int num_ranks = 1;
  bool is_one_host = true;  ///< all ranks of the job run here
};
std::optional<LaunchedRank> launched_rank();

/// A folder of the launcher's for ranks of this job on this host, which it
/// clears away: for a status board where there is no run folder. Empty: none.
std::filesystem::path job_folder();

}  // namespace gasm
