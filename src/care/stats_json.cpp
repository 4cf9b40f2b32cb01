// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "gasm/care/data_stats.hpp"

namespace gasm {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(Distribution const& d) {
  Json json;
  json["count"] = d.count;
  json["mean"] = d.mean;
  json["std"] = d.std;
  json["min"] = d.min;
  json["p05"] = d.p05;
  json["median"] = d.median;
  json["p95"] = d.p95;
  json["max"] = d.max;
  json["histogram"] = {{"first", d.histogram.first},
                       {"width", d.histogram.width},
                       {"counts", d.histogram.counts}};
  return json;
}

Json to_json(std::string const& name, ClassStats const& stats) {
  Json json;
  json["name"] = name;
  json["num_clips"] = stats.num_clips;
  json["num_measured"] = stats.num_measured;
  json["mean_frames"] = stats.mean_frames;
  json["mean_seconds"] = stats.mean_seconds;
  json["mean_brightness"] = stats.mean_brightness;
  json["mean_motion"] = stats.mean_motion;
  return json;
}

Json to_json(SplitStats const& stats, std::vector<std::string> const& names) {
  Json json;
  json["split"] = stats.split;
  json["path"] = stats.path;
  json["data_hash"] = stats.data_hash;
  json["num_clips"] = stats.num_clips;
  json["num_unlabelled"] = stats.num_unlabelled;
  json["num_bytes"] = stats.num_bytes;
  json["num_measured"] = stats.num_measured;
  json["num_errors"] = stats.errors.size();
  json["errors"] = Json::array();
  for (auto const& [id, why] : stats.errors)
    json["errors"].push_back({{"id", id}, {"error", why}});
  json["frames"] = to_json(stats.frames);
  json["seconds"] = to_json(stats.seconds);
  json["kilobytes"] = to_json(stats.kilobytes);
  json["brightness"] = to_json(stats.brightness);
  json["motion"] = to_json(stats.motion);
  json["sizes"] = stats.sizes;
  json["frame_rates"] = stats.frame_rates;
  json["codecs"] = stats.codecs;
  json["classes"] = Json::array();
  for (std::size_t i = 0; i < names.size(); ++i)
    json["classes"].push_back(to_json(names[i], stats.classes[i]));
  return json;
}

}  // namespace

std::string stats_json(DataStats const& stats) {
  Json json;
  json["schema"] = "gasm.stats";
  json["version"] = 1;
  json["num_frames"] = stats.num_frames;
  json["splits"] = Json::array();
  for (auto const& split : stats.splits)
    json["splits"].push_back(to_json(split, stats.classes));
  json["duplicates"] = stats.duplicates;
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace gasm
