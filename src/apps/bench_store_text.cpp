// SPDX-License-Identifier: Apache-2.0
#include "bench_store_text.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace gasm {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(std::optional<StoreFillFigures> const& fill) {
  if (!fill) return nullptr;
  return {{"raw_gb_per_s", fill->raw_gb_per_s},
          {"fill_gb_per_s", fill->fill_gb_per_s},
          {"fill_over_raw", fill->fill_over_raw}};
}

Json json_of(StoreModeFigures const& mode) {
  return {{"samples_per_s", mode.samples_per_s},
          {"gb_per_s", mode.gb_per_s},
          {"samples", mode.num_samples},
          {"bad", mode.num_bad},
          {"grown_bytes", mode.grown_bytes}};
}

std::string line_of(std::string const& from,
                    std::optional<StoreFillFigures> const& fill) {
  if (!fill) return "";
  return fmt::format(
      "\nfrom the {}: plain reads {:.2f} GB/s, filling the resident store "
      "{:.2f} GB/s, {:.2f} of that",
      from, fill->raw_gb_per_s, fill->fill_gb_per_s, fill->fill_over_raw);
}

std::string line_of(std::string const& name, StoreModeFigures const& mode) {
  auto line = fmt::format(
      "\n{:<9}{:10.1f} samples/s {:7.2f} GB/s, memory grown by {:.1f} MB", name,
      mode.samples_per_s, mode.gb_per_s,
      static_cast<double>(mode.grown_bytes) * 1e-6);
  if (mode.num_bad > 0) line += fmt::format(", {} bad", mode.num_bad);
  return line;
}

}  // namespace

std::string bench_store_json(BenchStoreResult const& result) {
  Json json;
  json["num_bytes"] = result.num_bytes;
  json["ranks"] = result.num_ranks;
  json["fill"] = json_of(result.fill);
  json["cold_fill"] = json_of(result.cold_fill);
  json["modes"] = Json::object();
  for (auto const& mode : result.modes)
    json["modes"][to_word(mode.mode)] = json_of(mode);
  json["device"] = nullptr;
  if (auto const& device = result.device) {
    json["device"] = json_of(device->batches);
    json["device"]["fill_gb_per_s"] = device->fill_gb_per_s;
  }
  return json.dump();
}

std::string bench_store_text(BenchStoreResult const& result) {
  auto text = fmt::format(
      "{:.2f} GB, {} {}", static_cast<double>(result.num_bytes) * 1e-9,
      result.num_ranks, result.num_ranks == 1 ? "rank" : "ranks");
  text += line_of("page cache", result.fill);
  text += line_of("disk", result.cold_fill);
  for (auto const& mode : result.modes)
    text += line_of(to_word(mode.mode), mode);
  if (auto const& device = result.device)
    text += line_of("device", device->batches) +
            fmt::format(", filled at {:.2f} GB/s", device->fill_gb_per_s);
  return text;
}

}  // namespace gasm
