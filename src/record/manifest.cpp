// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/manifest.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "gasm/base/clock.hpp"
#include "gasm/base/file.hpp"
#include "gasm/base/host_name.hpp"

namespace gasm {
namespace {

constexpr int kSchema = 1;

constexpr std::array<std::pair<RunState, char const*>, 4> kStates = {{
    {RunState::running, "running"},
    {RunState::done, "done"},
    {RunState::stopped, "stopped"},
    {RunState::failed, "failed"},
}};

RunState parse_state(std::string const& word) {
  for (auto const& [state, name] : kStates)
    if (word == name) return state;
  throw error("state \"{}\" is unknown", word);
}

/// Manifests before a key lack it.
template <class T>
void read_optional(nlohmann::json const& json, char const* key,
                   std::optional<T>& value) {
  auto const found = json.find(key);
  if (found != json.end() && !found->is_null()) value = found->get<T>();
}

template <class T>
nlohmann::ordered_json or_null(std::optional<T> const& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

nlohmann::ordered_json to_json(Manifest const& manifest) {
  nlohmann::ordered_json json;
  json["schema"] = kSchema;
  json["state"] = to_string(manifest.state);
  json["message"] = manifest.message;
  json["start_time"] = manifest.start_time;
  json["end_time"] = or_null(manifest.end_time);
  json["argv"] = manifest.argv;
  json["host"] = manifest.host;
  json["world_size"] = manifest.world_size;
  json["num_threads"] = manifest.num_threads;
  json["total_steps"] = or_null(manifest.total_steps);
  json["resumed_from"] = or_null(manifest.resumed_from);
  json["started_from"] = or_null(manifest.started_from);
  json["config_digest"] = manifest.config_digest;
  json["data_hashes"] = manifest.data_hashes;
  json["gasm"] = {{"version", manifest.build.version},
                  {"commit", manifest.build.commit},
                  {"dirty", manifest.build.dirty},
                  {"build_type", manifest.build.build_type},
                  {"compiler", manifest.build.compiler}};
  json["libraries"] = manifest.libraries;
  return json;
}

Manifest from_json(nlohmann::json const& json) {
  if (json.at("schema") != kSchema)
    throw error("schema is {}, not {}", json.at("schema").dump(), kSchema);
  Manifest manifest;
  manifest.state = parse_state(json.at("state"));
  manifest.message = json.at("message");
  manifest.start_time = json.at("start_time");
  if (!json.at("end_time").is_null())
    manifest.end_time = json.at("end_time").get<std::string>();
  manifest.argv = json.at("argv").get<std::vector<std::string>>();
  manifest.host = json.at("host");
  manifest.world_size = json.at("world_size");
  manifest.num_threads = json.at("num_threads");
  read_optional(json, "total_steps", manifest.total_steps);
  read_optional(json, "resumed_from", manifest.resumed_from);
  read_optional(json, "started_from", manifest.started_from);
  manifest.config_digest = json.at("config_digest");
  manifest.data_hashes =
      json.at("data_hashes").get<std::map<std::string, std::string>>();
  auto const& build = json.at("gasm");
  manifest.build = {build.at("version"), build.at("commit"), build.at("dirty"),
                    build.at("build_type"), build.at("compiler")};
  manifest.libraries =
      json.at("libraries").get<std::map<std::string, std::string>>();
  return manifest;
}

}  // namespace

std::string to_string(RunState state) {
  for (auto const& [value, name] : kStates)
    if (value == state) return name;
  return "unknown";
}

Manifest make_manifest(std::vector<std::string> argv, int world_size) {
  Manifest manifest;
  manifest.argv = std::move(argv);
  manifest.host = host_name();
  manifest.world_size = world_size;
  manifest.start_time = utc_timestamp();
  return manifest;
}

Result<void> write_manifest(std::filesystem::path const& path,
                            Manifest const& manifest) {
  // Arguments are bytes, not always UTF-8.
  auto const text = to_json(manifest).dump(
      2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return publish_file(path, text + "\n");
}

Result<Manifest> read_manifest(std::filesystem::path const& path) {
  auto const text = read_text(path);
  if (!text) return tl::unexpected(text.error());
  try {
    return from_json(nlohmann::json::parse(*text));
  } catch (std::exception const& e) {
    return failure("{} is not a manifest ({}).", path.string(), e.what());
  }
}

}  // namespace gasm
