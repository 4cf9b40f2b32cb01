// SPDX-License-Identifier: Apache-2.0
#include "checkpoint_manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "gasm/base/file.hpp"
#include "gasm/ckpt/checkpoint.hpp"
#include "pickle_value.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;

/// 1: one file a set, written by one rank.
constexpr int kFormat = 2;

/// A name of a file of the folder that a message may show as it is.
bool is_beside(std::string const& name) {
  return !name.empty() && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return c > ' ' && c <= '~' && c != '/'; });
}

/// ", gasm 0.2.0 (...)", as far as the manifest says so.
std::string writer_of(json const& manifest) {
  auto const facts = manifest.find("facts");
  if (facts == manifest.end() || !facts->is_object()) return "";
  auto const writer = facts->find("gasm");
  if (writer == facts->end() || !writer->is_string()) return "";
  return ", gasm " + printable(writer->get<std::string>());
}

CheckpointManifest parse_manifest(json const& text, int format) {
  CheckpointManifest manifest{
      .step = text.at("step").get<std::int64_t>(),
      .num_ranks = format == 1 ? 1 : text.at("ranks").get<int>(),
      .score = std::nullopt,
      .facts = text.at("facts").get<std::map<std::string, std::string>>(),
      .files = {},
      .format = format};
  if (text.at("score").is_string())
    manifest.score = parse_exact(text.at("score").get<std::string>());
  for (auto const& [name, file] : text.at("files").items()) {
    if (!is_beside(name))
      throw error("it names {}, which is no file of its folder",
                  printable(name));
    manifest.files[name] = {.set = format == 1
                                       ? fs::path(name).stem().string()
                                       : file.at("set").get<std::string>(),
                            .num_bytes = file.at("bytes").get<std::uint64_t>(),
                            .xxh64 = file.at("xxh64").get<std::string>()};
    auto const& set = manifest.files[name].set;
    if (!set.empty() && !is_beside(set))
      throw error("it names the set {}, which no file can have",
                  printable(set));
  }
  return manifest;
}

}  // namespace

std::optional<Error> find_dangling_link(fs::path const& link) {
  std::error_code none;
  if (!fs::is_symlink(link, none) || fs::exists(link, none))
    return std::nullopt;
  return error("{} points to {}, which is not there. Try gasm ckpt ls {}",
               link.string(), printable(fs::read_symlink(link, none).string()),
               link.parent_path().string());
}

std::string step_name(std::int64_t step) {
  return fmt::format("step-{}", step);
}

std::optional<std::int64_t> step_of(std::string const& name) {
  if (!name.starts_with("step-")) return std::nullopt;
  std::int64_t step = 0;
  auto const* first = name.data() + 5;
  auto const* last = name.data() + name.size();
  auto const [end, why] = std::from_chars(first, last, step);
  if (why != std::errc() || end != last || first == last) return std::nullopt;
  return step;
}

Result<CheckpointManifest> read_checkpoint_manifest(
    fs::path const& step_folder) {
  auto const path = step_folder / "manifest.json";
  auto const text = read_text(path);
  if (!text) return tl::unexpected(text.error());
  auto const parsed = json::parse(*text, nullptr, false);
  if (parsed.is_discarded() || !parsed.is_object())
    return failure("{} is not JSON (damaged)", path.string());
  auto const format = parsed.find("format");
  if (format == parsed.end() || !format->is_number_integer() || *format < 1)
    return failure(
        "{} has no format from 1 to {} (of another program, or damaged)",
        path.string(), kFormat);
  if (*format > kFormat)
    return tl::unexpected(usage_error(
        "{} was written by a newer version (format {}{}, this one reads up to "
        "{}). Try updating gasm, or another run.name; gasm ckpt ls {} shows "
        "what else is there",
        path.string(), format->dump(), writer_of(parsed), kFormat,
        fs::path(step_folder).parent_path().string()));
  try {
    auto manifest = parse_manifest(parsed, format->get<int>());
    auto const named = step_of(step_folder.filename().string());
    if (named && *named != manifest.step)
      return failure("{} is that of step {} (a foreign manifest)",
                     path.string(), manifest.step);
    return manifest;
  } catch (json::exception const& failed) {
    return failure("{} lacks what a checkpoint manifest says ({})",
                   path.string(), printable(failed.what()));
  } catch (Error const& failed) {
    return failure("{} is not sound: {}", path.string(), failed.what());
  }
}

Result<void> write_checkpoint_manifest(fs::path const& step_folder,
                                       CheckpointManifest const& manifest) {
  json files = json::object();
  for (auto const& [name, file] : manifest.files)
    files[name] = {
        {"set", file.set}, {"bytes", file.num_bytes}, {"xxh64", file.xxh64}};
  auto const& score = manifest.score;
  json const text = {{"format", kFormat},
                     {"step", manifest.step},
                     {"ranks", manifest.num_ranks},
                     {"files", files},
                     {"facts", manifest.facts},
                     {"score", score ? json(format_exact(*score)) : json()}};
  return publish_file(step_folder / "manifest.json", text.dump(1) + "\n");
}

}  // namespace gasm
