// SPDX-License-Identifier: Apache-2.0
#include "bench_store_text.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace gasm {

std::string bench_store_json(BenchStoreResult const& result) {
  nlohmann::ordered_json json;
  json["num_bytes"] = result.num_bytes;
  json["ranks"] = result.num_ranks;
  json["fill"] = nullptr;
  if (auto const& fill = result.fill)
    json["fill"] = {{"raw_gb_per_s", fill->raw_gb_per_s},
                    {"fill_gb_per_s", fill->fill_gb_per_s},
                    {"fill_over_raw", fill->fill_over_raw}};
  json["modes"] = nlohmann::ordered_json::object();
  for (auto const& mode : result.modes)
    json["modes"][to_word(mode.mode)] = {{"samples_per_s", mode.samples_per_s},
                                         {"gb_per_s", mode.gb_per_s},
                                         {"samples", mode.num_samples},
                                         {"bad", mode.num_bad},
                                         {"grown_bytes", mode.grown_bytes}};
  return json.dump();
}

std::string bench_store_text(BenchStoreResult const& result) {
  auto text = fmt::format(
      "{:.2f} GB, {} {}", static_cast<double>(result.num_bytes) * 1e-9,
      result.num_ranks, result.num_ranks == 1 ? "rank" : "ranks");
  if (auto const& fill = result.fill)
    text += fmt::format(
        "\nplain reads {:.2f} GB/s, filling the resident store {:.2f} GB/s: "
        "{:.2f} of that",
        fill->raw_gb_per_s, fill->fill_gb_per_s, fill->fill_over_raw);
  for (auto const& mode : result.modes) {
    text += fmt::format(
        "\n{:<9}{:10.1f} samples/s {:7.2f} GB/s, memory grown by {:.1f} MB",
        to_word(mode.mode), mode.samples_per_s, mode.gb_per_s,
        static_cast<double>(mode.grown_bytes) * 1e-6);
    if (mode.num_bad > 0) text += fmt::format(", {} bad", mode.num_bad);
  }
  return text;
}

}  // namespace gasm
