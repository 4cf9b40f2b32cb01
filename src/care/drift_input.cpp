// SPDX-License-Identifier: Apache-2.0
#include "gasm/care/drift_input.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "gasm/base/file.hpp"
#include "gasm/care/distribution.hpp"

namespace gasm {
namespace {

using Json = nlohmann::json;

Moments moments_of(Json const& json) {
  return {json.at("count"), json.at("mean"), json.at("std")};
}

DriftSource read_stats(Json const& json, std::string const& path) {
  if (json.at("version") != 1)
    throw error(
        "{} has version {} of gasm.stats (wanted 1; written by another "
        "version). Try gasm data stats again",
        path, json.at("version").dump());
  DriftSource source;
  source.kind = DriftSourceKind::stats;
  source.num_frames = json.at("num_frames");
  for (auto const& split : json.at("splits")) {
    std::string const name = split.at("split");
    DriftSide side;
    side.name = fmt::format("{} ({})", path, name);
    side.num_tried = split.at("num_measured");
    side.num_failed = split.at("num_errors");
    for (auto const& entry : split.at("classes"))
      side.classes.emplace(entry.at("name"), entry.at("num_clips"));
    side.brightness = moments_of(split.at("brightness"));
    side.motion = moments_of(split.at("motion"));
    source.data_hash.emplace(name, split.at("data_hash"));
    source.sides.insert_or_assign(name, std::move(side));
  }
  return source;
}

DriftSource read_manifest(Json const& json, std::string const& path) {
  DriftSource source;
  source.kind = DriftSourceKind::manifest;
  DriftSide side;
  side.name = path;
  for (auto const& video : json.at("videos")) {
    ++side.num_tried;
    bool const is_bad = !video.at("error").is_null();
    if (is_bad) ++side.num_failed;
    auto const& hash = video.at("xxh64");
    side.files.emplace(video.at("id"),
                       is_bad || hash.is_null() ? "" : std::string(hash));
  }
  source.sides.emplace("", std::move(side));
  return source;
}

Moments moments_of(std::vector<double> const& values) {
  auto const all = distribution_of(values, 1);
  return {all.count, all.mean, all.std};
}

}  // namespace

Result<DriftSource> read_drift_source(std::filesystem::path const& path) {
  auto const text = read_text(path);
  if (!text) return tl::unexpected(text.error());
  auto const name = path.string();
  try {
    auto const json = Json::parse(*text);
    bool const is_stats =
        json.is_object() && json.value("schema", "") == "gasm.stats";
    if (!is_stats && !(json.is_object() && json.contains("videos")))
      return failure(
          "{} is neither a manifest nor statistics. Try a file that gasm data "
          "verify or gasm data stats --json wrote",
          name);
    auto source = is_stats ? read_stats(json, name) : read_manifest(json, name);
    source.path = name;
    return source;
  } catch (nlohmann::json::parse_error const& why) {
    return failure("{}: not valid JSON at byte {}. Try to write it again", name,
                   why.byte);
  } catch (nlohmann::json::exception const& why) {
    return failure(
        "{} has not the form of a manifest or of statistics ({}). Try a file "
        "that gasm data verify or gasm data stats --json wrote",
        name, why.what());
  } catch (Error const& why) {
    return tl::unexpected(why);
  }
}

std::vector<DriftAlert> compare_sources(DriftSource const& reference,
                                        DriftSource const& current,
                                        DriftLimits const& limits) {
  if (reference.kind != current.kind)
    throw usage_error(
        "{} and {} cannot be compared (one is a manifest, the other "
        "statistics). Try two of a kind",
        reference.path, current.path);
  if (reference.num_frames != current.num_frames)
    throw usage_error(
        "{} and {} cannot be compared (clips were measured on {} and {} "
        "frames). Try gasm data stats --frames {} for both",
        reference.path, current.path, reference.num_frames, current.num_frames,
        reference.num_frames);
  std::vector<DriftAlert> alerts;
  bool have_any = false;
  for (auto const& [split, side] : current.sides) {
    auto const was = reference.sides.find(split);
    if (was == reference.sides.end()) continue;
    have_any = true;
    for (auto& alert : find_drift(was->second, side, limits))
      alerts.push_back(std::move(alert));
  }
  if (!have_any)
    throw usage_error("{} and {} have no split in common", reference.path,
                      current.path);
  return alerts;
}

DriftSide side_of_clips(std::string const& name,
                        ClipStoreContents const& contents,
                        std::span<std::int64_t const> clips,
                        std::span<ClipMeasure const> measures) {
  GASM_ASSERT(clips.size() == measures.size());
  DriftSide side;
  side.name = name;
  std::vector<double> brightness;
  std::vector<double> motion;
  for (std::size_t k = 0; k < clips.size(); ++k) {
    auto const& clip = contents.clips[static_cast<std::size_t>(clips[k])];
    ++side.num_tried;
    if (clip.label >= 0)
      ++side.classes[contents.classes[static_cast<std::size_t>(clip.label)]];
    if (measures[k].error) {
      ++side.num_failed;
      continue;
    }
    brightness.push_back(measures[k].brightness);
    if (measures[k].motion) motion.push_back(*measures[k].motion);
  }
  side.brightness = moments_of(brightness);
  side.motion = moments_of(motion);
  return side;
}

}  // namespace gasm
