// SPDX-License-Identifier: Apache-2.0
#include "layout_text.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace gasm {
namespace {

using Json = nlohmann::ordered_json;

double gb(std::uint64_t num_bytes) {
  return static_cast<double>(num_bytes) * 1e-9;
}

Json json_of(Stripes const& stripes) {
  return {{"count", stripes.count}, {"size_bytes", stripes.size_bytes}};
}

}  // namespace

std::string layout_json(LayoutFacts const& facts, LayoutAdvice const& advice) {
  Json json;
  json["num_bytes"] = facts.num_bytes;
  json["file_system"] = nullptr;
  if (facts.file_system) json["file_system"] = to_word(*facts.file_system);
  json["stripes"] = nullptr;
  if (facts.stripes) json["stripes"] = json_of(*facts.stripes);
  json["part_starts"] = Json::array();
  for (auto const& part : facts.parts)
    json["part_starts"].push_back(part.start);
  json["alignment_bytes"] = advice.alignment_bytes;
  json["free_bytes"] = facts.free_bytes;
  json["ranks"] = facts.num_ranks;
  json["ranks_per_node"] = facts.ranks_per_node;
  json["nodes"] = advice.num_nodes;
  json["readers_per_node"] = advice.readers_per_node;
  json["store"] = to_word(advice.choice.mode);
  json["why"] = advice.choice.why;
  json["fill_s"] = advice.fill_s;
  json["modes"] = Json::object();
  for (auto const& need : advice.needs)
    json["modes"][to_word(need.mode)] = {{"kept_bytes", need.kept_bytes},
                                         {"fits", need.fits}};
  json["wanted_stripes"] = json_of(advice.stripes);
  json["advice"] = advice.sentences;
  return json.dump();
}

std::string layout_text(LayoutFacts const& facts, LayoutAdvice const& advice) {
  auto text = fmt::format(
      "{:.2f} GB{}, {} ranks on {} machines, {} of them read at a time on "
      "each",
      gb(facts.num_bytes),
      facts.file_system ? " on " + to_word(*facts.file_system) : "",
      facts.num_ranks, advice.num_nodes, advice.readers_per_node);
  for (auto const& part : facts.parts)
    text += fmt::format(
        "\n{:.2f} GB from byte {} ({} beyond a multiple of 1 "
        "MiB)",
        gb(part.size), part.start, part.start % (1 << 20));
  if (facts.stripes)
    text += fmt::format("\n{} stripes of {} bytes", facts.stripes->count,
                        facts.stripes->size_bytes);
  text += fmt::format("\ndata.store: {} ({})", to_word(advice.choice.mode),
                      advice.choice.why);
  if (advice.fill_s > 0)
    text += fmt::format("\nin memory after {:.0f} s at 1 GB/s a machine",
                        advice.fill_s);
  for (auto const& need : advice.needs)
    text += fmt::format("\n  {:<9} keeps {:8.2f} GB on a machine{}",
                        to_word(need.mode), gb(need.kept_bytes),
                        need.fits ? "" : ": too much");
  for (auto const& sentence : advice.sentences) text += "\n- " + sentence;
  return text;
}

}  // namespace gasm
