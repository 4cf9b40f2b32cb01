// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <tuple>

#include "gasm/comm/call_difference.hpp"
#include "gasm/comm/rank_layout.hpp"
#include "watchdog_report.hpp"

namespace gasm {
namespace {

/// A job of thousands prints no more than this.
constexpr std::size_t kMaxLines = 8;
/// A rank that waits longer than the others by less is not to blame for it.
constexpr double kSameTime_s = 1.0;

std::string ranks_text(std::set<int> const& ranks) {
  return fmt::format("rank{} {}", ranks.size() == 1 ? "" : "s",
                     ranges_text(ranks));
}

std::string call_of(StatusRow const& row) {
  return fmt::format("{} collective {} ({}{})", row.inside ? "inside" : "after",
                     row.sequence, row.collective,
                     row.inside && row.bucket >= 0
                         ? fmt::format(", bucket {}", row.bucket)
                         : "");
}

std::set<int> ranks_of(std::vector<StatusRow> const& rows) {
  std::set<int> ranks;
  for (auto const& row : rows) ranks.insert(row.rank);
  return ranks;
}

HangVerdict judge_by_position(std::vector<StatusRow> const& rows) {
  auto const ends = std::ranges::minmax(rows, {}, &StatusRow::sequence);
  auto const fewest_calls = ends.min.sequence;
  bool const is_behind = fewest_calls < ends.max.sequence;
  std::vector<StatusRow> fewest;
  std::ranges::copy_if(rows, std::back_inserter(fewest), [&](auto const& row) {
    return row.sequence == fewest_calls;
  });
  std::vector<StatusRow> outside;
  std::ranges::copy_if(fewest, std::back_inserter(outside),
                       [](auto const& row) { return !row.inside; });
  if (is_behind)
    return {ranks_of(outside.empty() ? fewest : outside),
            fmt::format("did not come to collective {}", fewest_calls + 1)};
  if (outside.empty()) return {{}, "all ranks are inside the same collective"};
  if (outside.size() < rows.size())
    return {ranks_of(outside), "does something else than the others wait for"};
  auto const first = std::ranges::min(rows, {}, &StatusRow::since_unix_s);
  std::set<int> longest;
  for (auto const& row : rows)
    if (row.since_unix_s < first.since_unix_s + kSameTime_s)
      longest.insert(row.rank);
  if (longest.size() == rows.size())
    return {{}, "all ranks are outside of collectives"};
  return {longest, "is the longest without progress"};
}

std::string describe_culprit(HangFacts const& facts, StatusRow const& row) {
  auto const process = facts.processes.find(row.rank);
  std::string where;
  if (!row.parameter.empty())
    where = fmt::format(", last gradient {} (bucket {})", row.parameter,
                        row.bucket);
  return fmt::format(
      "rank {} on host {}, pid {}{}: {:.1f} s in phase \"{}\"{}{}, {}{}",
      row.rank, row.host, row.pid,
      process == facts.processes.end() ? "" : " (" + process->second + ")",
      facts.now_unix_s - row.since_unix_s, row.phase,
      row.progress.empty() ? "" : " after ", row.progress, call_of(row), where);
}

/// Those that do the same, together.
std::string describe_waiting(HangFacts const& facts,
                             std::set<int> const& culprits) {
  using Key = std::tuple<std::string, std::string, bool>;
  std::map<Key, std::set<int>> groups;
  for (auto const& row : facts.rows)
    if (row.rank >= 0 && !culprits.contains(row.rank))
      groups[{call_of(row), row.phase, row.inside}].insert(row.rank);
  std::string text;
  std::size_t num_lines = 0;
  for (auto const& [key, ranks] : groups) {
    if (++num_lines > kMaxLines) break;
    auto const& [call, phase, is_inside] = key;
    fmt::format_to(std::back_inserter(text),
                   "[rank {}] watchdog: {} {} {} in phase \"{}\"\n", facts.rank,
                   ranks_text(ranks),
                   is_inside ? (ranks.size() == 1 ? "waits" : "wait")
                             : (ranks.size() == 1 ? "is" : "are"),
                   call, phase);
  }
  return text;
}

}  // namespace

HangVerdict judge_hang(HangFacts const& facts) {
  std::vector<StatusRow> present;
  std::set<int> silent;
  for (int rank = 0; rank < facts.num_ranks; ++rank) {
    auto const i = static_cast<std::size_t>(rank);
    if (i < facts.rows.size() && facts.rows[i].rank >= 0)
      present.push_back(facts.rows[i]);
    else
      silent.insert(rank);
  }
  if (facts.has_all_rows && !silent.empty())
    return {silent, "said nothing since the start"};
  if (!facts.unanswering.empty()) return {facts.unanswering, "does not answer"};
  if (present.empty()) return {};
  if (auto const found = first_call_difference(facts.calls))
    return {found->ranks.odd,
            fmt::format("calls {} as collective {}, where rank {} calls {}",
                        found->ranks.of_odd, found->sequence,
                        found->ranks.usual, found->ranks.of_usual)};
  return judge_by_position(present);
}

std::string describe_hang(HangFacts const& facts) {
  auto const verdict = judge_hang(facts);
  std::string text;
  auto const add = [&](std::string const& line) {
    fmt::format_to(std::back_inserter(text), "[rank {}] watchdog: {}\n",
                   facts.rank, line);
  };
  if (verdict.culprits.empty()) {
    add(fmt::format("no culprit stands out ({}{})", verdict.why,
                    facts.has_all_rows
                        ? ""
                        : "; ranks of other hosts are seen by those alone"));
  } else {
    add(fmt::format("culprit: {} ({})", ranks_text(verdict.culprits),
                    verdict.why));
  }
  std::size_t num_lines = 0;
  for (auto const rank : verdict.culprits) {
    auto const i = static_cast<std::size_t>(rank);
    if (i >= facts.rows.size() || facts.rows[i].rank < 0) continue;
    if (++num_lines > kMaxLines) break;
    add(describe_culprit(facts, facts.rows[i]));
  }
  return text + describe_waiting(facts, verdict.culprits);
}

}  // namespace gasm
