// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/call_difference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "gasm/base/hash.hpp"

namespace gasm {
namespace {

/// What a rank called, by sequence number: the collective, and behind it what
/// it posted before the next one, whose order is its own.
using Calls = std::map<std::uint64_t, std::string>;

Calls calls_of(std::vector<FlightCall> const& recorded) {
  Calls calls;
  std::map<std::uint64_t, std::vector<std::string>> posted;
  for (auto const& call : recorded) {
    if (!call.is_posted)
      calls.emplace(call.sequence, call_text(call));
    else
      posted[call.sequence].push_back(
          fmt::format("{} of bucket {}", call_text(call), call.bucket));
  }
  // The newest may still be going on, and posts before the oldest are gone.
  for (auto& [sequence, texts] : posted) {
    auto const at = calls.find(sequence);
    if (at == calls.end() || at == std::prev(calls.end())) continue;
    std::ranges::sort(texts);
    for (auto const& text : texts) at->second += ", then " + text;
  }
  return calls;
}

/// The call that followed when the calls before `sequence` were made before.
std::string expected_at(Calls const& calls, std::uint64_t sequence) {
  auto const text = [&](std::uint64_t at) {
    auto const found = calls.find(at);
    return found == calls.end() ? std::string() : found->second;
  };
  std::uint64_t const first = calls.begin()->first;
  for (std::uint64_t const length : {4, 2, 1})
    for (std::uint64_t at = sequence - 1; at >= first + length; --at) {
      bool is_same = true;
      for (std::uint64_t back = 1; back <= length; ++back)
        is_same = is_same && text(at - back) == text(sequence - back);
      if (is_same) return text(at);
    }
  return "";
}

/// Half of the ranks call this and half that: who goes on as before is usual.
void judge_by_history(OddRanks& ranks, std::vector<int> const& numbers,
                      std::vector<Calls> const& calls, std::uint64_t sequence) {
  if (2 * ranks.odd.size() != numbers.size()) return;
  auto const expected = expected_at(calls[0], sequence);
  std::set<int> odd;
  int usual = -1;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (calls[i].at(sequence) != expected)
      odd.insert(numbers[i]);
    else if (usual < 0)
      usual = numbers[i];
  }
  if (usual < 0 || odd.empty()) return;
  ranks.odd = odd;
  ranks.usual = usual;
}

}  // namespace

std::string call_text(FlightCall const& call) {
  if (!call.is_uniform) return call.kind;
  return fmt::format("{} of {} bytes ({})", call.kind, call.bytes, call.type);
}

std::optional<CallDifference> first_call_difference(
    std::vector<std::vector<FlightCall>> const& calls_by_rank,
    std::uint64_t after) {
  std::vector<int> numbers;
  std::vector<Calls> all;
  for (std::size_t rank = 0; rank < calls_by_rank.size(); ++rank) {
    auto calls = calls_of(calls_by_rank[rank]);
    if (calls.empty()) continue;
    numbers.push_back(static_cast<int>(rank));
    all.push_back(std::move(calls));
  }
  if (all.size() < 2) return std::nullopt;
  std::uint64_t first = after + 1;
  std::uint64_t last = UINT64_MAX;
  for (auto const& calls : all) {
    first = std::max(first, calls.begin()->first);
    last = std::min(last, calls.rbegin()->first);
  }
  for (auto sequence = first; sequence <= last; ++sequence) {
    std::vector<std::uint64_t> hashes;
    std::vector<std::string> texts;
    for (auto const& calls : all) {
      auto const at = calls.find(sequence);
      texts.push_back(at == calls.end() ? "" : at->second);
      // What was posted after the last common call is not whole on all.
      if (sequence == last)
        texts.back() = texts.back().substr(0, texts.back().find(", then "));
      hashes.push_back(xxh64(texts.back()));
    }
    if (std::ranges::find(texts, "") != texts.end()) continue;
    auto found = odd_among(hashes);
    if (!found) continue;
    CallDifference difference{.sequence = sequence, .ranks = {}};
    for (auto const i : found->odd)
      difference.ranks.odd.insert(numbers[static_cast<std::size_t>(i)]);
    difference.ranks.usual = numbers[static_cast<std::size_t>(found->usual)];
    judge_by_history(difference.ranks, numbers, all, sequence);
    auto const text_of = [&](int rank) {
      auto const i = std::ranges::find(numbers, rank) - numbers.begin();
      return texts[static_cast<std::size_t>(i)];
    };
    difference.ranks.of_odd = text_of(*difference.ranks.odd.begin());
    difference.ranks.of_usual = text_of(difference.ranks.usual);
    return difference;
  }
  return std::nullopt;
}

}  // namespace gasm
