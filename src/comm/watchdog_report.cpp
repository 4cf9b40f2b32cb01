// SPDX-License-Identifier: Apache-2.0
#include "watchdog_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace gasm {
namespace {

/// A job of thousands prints no more than this a rank.
constexpr std::size_t kMaxRows = 16;

std::string position(StatusRow const& row) {
  return fmt::format("{} collective {} ({})", row.inside ? "inside" : "after",
                     row.sequence, row.collective);
}

/// Collectives entered: who has left the last one is as far as who is inside.
void append_who_is_behind(std::string& text, int rank,
                          std::vector<StatusRow> const& rows) {
  std::uint64_t most = 0;
  std::uint64_t fewest = UINT64_MAX;
  for (auto const& row : rows) {
    if (row.rank < 0) continue;
    most = std::max(most, row.sequence);
    fewest = std::min(fewest, row.sequence);
  }
  if (fewest >= most) return;
  fmt::format_to(std::back_inserter(text),
                 "[rank {}] watchdog: fewest collectives ({}, others up to "
                 "{}): rank",
                 rank, fewest, most);
  std::size_t num_named = 0;
  for (auto const& row : rows)
    if (row.rank >= 0 && row.sequence == fewest && num_named++ < kMaxRows)
      fmt::format_to(std::back_inserter(text), " {}", row.rank);
  text += num_named > kMaxRows ? " ...\n" : "\n";
}

}  // namespace

std::string describe_expiry(StatusRow const& mine, LastCollective const& last,
                            double waited_s, double limit_s) {
  return fmt::format(
      "[rank {}] watchdog: no progress for {:.1f} s (deadline {:.1f} s) in "
      "phase \"{}\"{}{}, host {}, pid {}, {} collective {} ({}, {} bytes). "
      "Ending.\n",
      mine.rank, waited_s, limit_s, mine.phase,
      mine.progress.empty() ? "" : " after ", mine.progress, mine.host,
      mine.pid, last.inside ? "inside" : "after", last.sequence, last.name,
      last.bytes);
}

std::string describe_board(int rank, int num_ranks, std::vector<StatusRow> rows,
                           double now_unix_s) {
  rows.resize(static_cast<std::size_t>(num_ranks));
  std::string text = fmt::format(
      "[rank {}] watchdog: all ranks, longest without progress first:\n", rank);
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i].rank < 0)
      fmt::format_to(std::back_inserter(text),
                     "[rank {}]   rank {}: said nothing\n", rank, i);
  append_who_is_behind(text, rank, rows);
  std::erase_if(rows, [](StatusRow const& row) { return row.rank < 0; });
  std::stable_sort(rows.begin(), rows.end(),
                   [](StatusRow const& a, StatusRow const& b) {
                     return a.since_unix_s < b.since_unix_s;
                   });
  std::size_t const num_shown = std::min(rows.size(), kMaxRows);
  for (std::size_t i = 0; i < num_shown; ++i) {
    auto const& row = rows[i];
    fmt::format_to(std::back_inserter(text),
                   "[rank {}]   rank {}: {:.1f} s in phase \"{}\"{}{}, {}, "
                   "host {}, pid {}\n",
                   rank, row.rank, now_unix_s - row.since_unix_s, row.phase,
                   row.progress.empty() ? "" : " after ", row.progress,
                   position(row), row.host, row.pid);
  }
  if (num_shown < rows.size())
    fmt::format_to(std::back_inserter(text), "[rank {}]   and {} more\n", rank,
                   rows.size() - num_shown);
  return text;
}

}  // namespace gasm
