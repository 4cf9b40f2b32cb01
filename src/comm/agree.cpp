// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/agree.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "gasm/base/host_name.hpp"

namespace gasm {
namespace {

std::string describe(Error const& mine, Communicator const& comm,
                     std::ptrdiff_t num_failed) {
  if (comm.size() == 1) return mine.what();
  return fmt::format("{} (on rank {} of {}, host {}; {} rank{} failed)",
                     mine.what(), comm.rank(), comm.size(), host_name(),
                     num_failed, num_failed == 1 ? "" : "s");
}

}  // namespace

void agree_failures(Communicator const& comm,
                    std::optional<Error> const& mine) {
  // 0: no failure; else the exit code, so that one exchange carries both.
  int const code = mine ? std::max(1, static_cast<int>(mine->code())) : 0;
  std::vector<int> const codes = comm.all_gather(code);
  auto const lowest = std::find_if(codes.begin(), codes.end(),
                                   [](int each) { return each != 0; });
  if (lowest == codes.end()) return;

  int const rank = static_cast<int>(lowest - codes.begin());
  auto const num_failed =
      std::count_if(lowest, codes.end(), [](int each) { return each != 0; });
  std::string message;
  if (comm.rank() == rank) message = describe(*mine, comm, num_failed);
  comm.broadcast(message, rank);
  throw AgreedError(Error(message, static_cast<ExitCode>(*lowest)));
}

}  // namespace gasm
