// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/rank_layout.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "gasm/base/host_name.hpp"

namespace gasm {
std::string ranges_text(std::set<int> const& numbers) {
  std::string text;
  for (auto at = numbers.begin(); at != numbers.end();) {
    int const first = *at;
    int last = first;
    for (++at; at != numbers.end() && *at == last + 1; ++at) last = *at;
    if (!text.empty()) text += ",";
    text += first == last ? std::to_string(first)
                          : fmt::format("{}-{}", first, last);
  }
  return text;
}

namespace {

/// The ranks of one machine.
struct Node {
  std::string host;
  std::set<int> ranks;
  std::set<int> cores;
  std::size_t num_core_uses = 0;  ///< summed over the ranks
  bool all_have_all = true;
  std::set<std::string> devices;
};

std::vector<Node> nodes_of(std::vector<RankPlace> const& places) {
  std::vector<Node> nodes;
  for (std::size_t rank = 0; rank < places.size(); ++rank) {
    auto const& place = places[rank];
    auto node = std::ranges::find(nodes, place.host, &Node::host);
    if (node == nodes.end()) {
      node = nodes.emplace(nodes.end());
      node->host = place.host;
    }
    node->ranks.insert(static_cast<int>(rank));
    node->cores.insert(place.cores.begin(), place.cores.end());
    node->num_core_uses += place.cores.size();
    node->devices.insert(place.device);
  }
  for (std::size_t rank = 0; rank < places.size(); ++rank) {
    auto const& place = places[rank];
    auto const node = std::ranges::find(nodes, place.host, &Node::host);
    if (place.cores.size() != node->cores.size()) node->all_have_all = false;
  }
  return nodes;
}

/// {"cuda:0", "cuda:1"}: "cuda:0-1".
std::string devices_text(std::set<std::string> const& devices) {
  std::string text;
  std::set<int> numbers;
  for (auto const& device : devices) {
    auto const colon = device.find(':');
    int number = 0;
    if (colon != std::string::npos &&
        std::from_chars(device.data() + colon + 1,
                        device.data() + device.size(), number)
                .ec == std::errc{})
      numbers.insert(number);
    else
      text += (text.empty() ? "" : ", ") + device;
  }
  if (numbers.empty()) return text;
  return text + (text.empty() ? "" : ", ") + "cuda:" + ranges_text(numbers);
}

std::string sharing_text(Node const& node) {
  std::size_t const num_ranks = node.ranks.size();
  if (num_ranks == 1) return "";
  std::string text;
  if (node.num_core_uses == node.cores.size())
    text = node.num_core_uses % num_ranks == 0
               ? fmt::format(", {} a rank", node.num_core_uses / num_ranks)
               : ", each its own";
  else
    text = node.all_have_all ? ", shared by all" : ", some of them shared";
  if (node.cores.size() < num_ranks)
    text += " (fewer cores than ranks: these wait for each other)";
  return text;
}

std::string line_of(Node const& node) {
  return fmt::format("node {}: rank{} {} on {}, core{} {}{}", node.host,
                     node.ranks.size() == 1 ? "" : "s", ranges_text(node.ranks),
                     devices_text(node.devices),
                     node.cores.size() == 1 ? "" : "s", ranges_text(node.cores),
                     sharing_text(node));
}

/// One line, for the way to the other ranks; a host's name has no blanks.
std::string packed(RankPlace const& place) {
  return fmt::format("{} {} {}", place.host, place.device,
                     fmt::join(place.cores, " "));
}

RankPlace unpacked(std::string const& text) {
  std::istringstream words(text);
  RankPlace place;
  words >> place.host >> place.device;
  for (int core = 0; words >> core;) place.cores.push_back(core);
  return place;
}

}  // namespace

RankPlace place_of_this_rank(std::string const& device) {
  RankPlace place{host_name(), {}, device};
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return place;
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &allowed)) place.cores.push_back(core);
  return place;
}

std::string layout_text(std::vector<RankPlace> const& places) {
  std::string text;
  for (auto const& node : nodes_of(places))
    text += (text.empty() ? "" : "\n") + line_of(node);
  return text;
}

std::string rank_layout(Communicator const& comm, std::string const& device) {
  std::vector<RankPlace> places;
  for (auto const& text :
       comm.all_gather_strings(packed(place_of_this_rank(device))))
    places.push_back(unpacked(text));
  return layout_text(places);
}

}  // namespace gasm
