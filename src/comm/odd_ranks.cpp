// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/odd_ranks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "gasm/base/hash.hpp"
#include "gasm/comm/rank_layout.hpp"

namespace gasm {

std::string OddRanks::who() const {
  return fmt::format("rank{} {}", odd.size() == 1 ? "" : "s", ranges_text(odd));
}

std::optional<OddRanks> odd_among(std::vector<std::uint64_t> const& values) {
  auto usual = values.begin();
  std::ptrdiff_t most = 0;
  for (auto at = values.begin(); at != values.end(); ++at) {
    // In full where it comes first.
    auto const count = std::count(at, values.end(), *at);
    if (count <= most) continue;
    most = count;
    usual = at;
  }
  OddRanks found;
  found.usual = static_cast<int>(usual - values.begin());
  for (std::size_t rank = 0; rank < values.size(); ++rank)
    if (values[rank] != *usual) found.odd.insert(static_cast<int>(rank));
  if (found.odd.empty()) return std::nullopt;
  return found;
}

std::optional<OddRanks> find_odd_ranks(Communicator const& comm,
                                       std::string_view text) {
  auto found = odd_among(comm.all_gather(xxh64(text)));
  if (!found) return std::nullopt;
  found->of_odd = text;
  comm.broadcast(found->of_odd, *found->odd.begin());
  found->of_usual = text;
  comm.broadcast(found->of_usual, found->usual);
  return found;
}

LinePair first_difference(std::string const& left, std::string const& right) {
  std::istringstream of_left(left);
  std::istringstream of_right(right);
  for (;;) {
    LinePair lines;
    bool const has_left = !std::getline(of_left, lines.left).fail();
    bool const has_right = !std::getline(of_right, lines.right).fail();
    if (!has_left) lines.left = "nothing";
    if (!has_right) lines.right = "nothing";
    if (lines.left != lines.right || !(has_left && has_right)) return lines;
  }
}

}  // namespace gasm
