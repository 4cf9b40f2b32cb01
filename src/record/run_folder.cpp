// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/run_folder.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <system_error>

#include "gasm/base/file.hpp"

namespace gasm {

std::filesystem::path RunFolder::log_of_rank(int rank) const {
  return root_ / "logs" / fmt::format("rank-{}.log", rank);
}

Result<RunFolder> RunFolder::create(std::filesystem::path const& root) {
  RunFolder const folder(root);
  for (auto const& path :
       {folder.root(), folder.checkpoints(), folder.eval(), root / "logs"})
    if (auto made = make_folder(path); !made)
      return tl::unexpected(made.error());
  // Permissions do not tell: a full disk or a read-only mount shows only when
  // something is written.
  auto const probe = root / fmt::format(".probe-{}", ::getpid());
  if (auto written = publish_file(probe, "probe\n"); !written)
    return tl::unexpected(written.error());
  std::error_code ignored;
  std::filesystem::remove(probe, ignored);
  return folder;
}

}  // namespace gasm
