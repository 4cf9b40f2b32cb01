// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/run_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <system_error>
#include <vector>

#include "gasm/base/file.hpp"

namespace gasm {
namespace {

// The name is the same for all processes: a killed one leaves one file at most.
Result<void> prove_writable(std::filesystem::path const& root) {
  auto const probe = root / ".probe";
  auto const write_all = [&]() -> Result<void> {
    auto file = FileWriter::open(probe, FileWriter::Mode::truncate);
    if (!file) return tl::unexpected(file.error());
    if (auto done = file->write(std::string_view("probe\n")); !done)
      return done;
    if (auto done = file->sync(); !done) return done;
    return file->close();
  };
  auto done = write_all();
  std::error_code ignored;
  std::filesystem::remove(probe, ignored);
  return done;
}

/// NAME.tmp-PID, as publish_file calls what it has not published yet.
bool is_unpublished(std::string_view name) {
  constexpr std::string_view kMark = ".tmp-";
  auto const at = name.rfind(kMark);
  if (at == std::string_view::npos) return false;
  auto const pid = name.substr(at + kMark.size());
  return !pid.empty() && std::all_of(pid.begin(), pid.end(), [](char c) {
    return c >= '0' && c <= '9';
  });
}

}  // namespace

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
  if (auto written = prove_writable(root); !written)
    return tl::unexpected(written.error());
  return folder;
}

void RunFolder::remove_leftovers() const {
  std::vector<std::filesystem::path> found;
  std::error_code ignored;
  for (auto const& entry : std::filesystem::directory_iterator(root_, ignored))
    if (is_unpublished(entry.path().filename().string()))
      found.push_back(entry.path());
  for (auto const& path : found) std::filesystem::remove(path, ignored);
}

}  // namespace gasm
