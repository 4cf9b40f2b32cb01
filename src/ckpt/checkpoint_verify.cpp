// SPDX-License-Identifier: Apache-2.0
#include "gasm/ckpt/checkpoint_verify.hpp"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "checkpoint_manifest.hpp"
#include "gasm/base/file.hpp"
#include "gasm/ckpt/checkpoint.hpp"
#include "gasm/ckpt/weights.hpp"
#include "listed_file.hpp"
#include "pickle_value.hpp"
#include "shard_index.hpp"
#include "shard_name.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

/// One checkpoint under scrutiny.
class Scrutiny {
 public:
  explicit Scrutiny(fs::path const& folder) : folder_(folder) {
    verdict_.path = folder;
  }

  CheckpointVerdict run() {
    auto manifest = read_checkpoint_manifest(folder_);
    if (!manifest) {
      blame(folder_ / "manifest.json", manifest.error());
      return std::move(verdict_);
    }
    manifest_ = *std::move(manifest);
    verdict_.step = manifest_.step;
    check_files();
    check_unlisted();
    for (auto const& set : sets()) check_set(set);
    return std::move(verdict_);
  }

 private:
  void blame(fs::path const& path, Error const& failed) {
    verdict_.problems.push_back({path, failed.what()});
  }

  std::set<std::string> sets() const {
    std::set<std::string> names;
    for (auto const& [name, file] : manifest_.files)
      if (!file.set.empty()) names.insert(file.set);
    return names;
  }

  void check_files() {
    for (auto const& [name, file] : manifest_.files) {
      ++verdict_.num_files;
      verdict_.num_bytes += file.num_bytes;
      auto const path = folder_ / name;
      if (auto sound = check_listed_file(path, file); !sound) {
        blame(path, sound.error());
      } else if (!file.set.empty()) {
        if (auto layout = read_safetensors_layout(path))
          layouts_[name] = *std::move(layout);
        else
          blame(path, layout.error());
      }
    }
  }

  /// What was renamed is missing under one name and foreign under another.
  void check_unlisted() {
    std::error_code none;
    std::vector<fs::path> unlisted;
    for (auto const& entry : fs::directory_iterator(folder_, none)) {
      auto const name = entry.path().filename().string();
      // What a kill left of a manifest on its way; the next start removes it.
      bool const is_leftover = name.starts_with("manifest.json.tmp-");
      if (name != "manifest.json" && !is_leftover &&
          !manifest_.files.contains(name))
        unlisted.push_back(entry.path());
    }
    std::sort(unlisted.begin(), unlisted.end());
    for (auto const& path : unlisted)
      blame(path, error("{} is not named by the manifest (foreign, or renamed)",
                        path.string()));
  }

  void check_set(std::string const& set) {
    std::vector<std::string> files;
    for (auto const& [name, file] : manifest_.files)
      if (file.set == set) files.push_back(name);
    // What a damaged file holds is not known.
    for (auto const& name : files)
      if (!layouts_.contains(name)) return;
    auto const index = set + ".safetensors.index.json";
    try {
      check_shard_names(set, files, folder_);
      TensorAssembly assembly;
      bool has_slices = false;
      for (auto const& name : files) {
        has_slices |= layouts_.at(name).metadata.contains("slices");
        assembly.add(layouts_.at(name), (folder_ / name).string());
      }
      (void)assembly.finish((folder_ / set).string());
      if (files.size() > 1 && !has_slices && !manifest_.files.contains(index))
        throw error("{} is not named by the manifest (an index of {} shards)",
                    (folder_ / index).string(), files.size());
    } catch (Error const& failed) {
      return blame(folder_ / set, failed);
    }
    if (manifest_.files.contains(index)) check_index(folder_ / index, set);
  }

  void check_index(fs::path const& path, std::string const& set) {
    for (auto const& problem : verdict_.problems)
      if (problem.path == path) return;
    try {
      std::size_t num_named = 0;
      check_shard_index(path, [&](std::string const& name) {
        auto const file = manifest_.files.find(name);
        if (file == manifest_.files.end() || file->second.set != set)
          throw error("{} names {}, which is no shard of {}", path.string(),
                      printable(name), set);
        ++num_named;
        return layouts_.at(name);
      });
      auto const num_shards = std::count_if(
          manifest_.files.begin(), manifest_.files.end(),
          [&](auto const& item) { return item.second.set == set; });
      if (num_named != static_cast<std::size_t>(num_shards))
        throw error("{} names {} shards, there are {}", path.string(),
                    num_named, num_shards);
    } catch (Error const& failed) {
      blame(path, failed);
    }
  }

  fs::path const& folder_;
  CheckpointVerdict verdict_;
  CheckpointManifest manifest_;
  std::map<std::string, TensorFile> layouts_;  ///< of sound files
};

/// Reads a file that stands alone, of any format of weights.
void check_weights(fs::path const& path) {
  switch (value_or_throw(find_weights_format(path))) {
    case WeightsFormat::safetensors:
      value_or_throw(read_safetensors_layout(path));
      return;
    case WeightsFormat::sharded:
      check_shard_index(path, [&](std::string const& name) {
        return value_or_throw(
            read_safetensors_layout(path.parent_path() / name));
      });
      return;
    default:
      value_or_throw(read_weights(path));
  }
}

/// Where a manifest beside it names the file, that is held against it, too.
CheckpointVerdict verify_file(fs::path const& path) {
  CheckpointVerdict verdict{.path = path,
                            .step = std::nullopt,
                            .num_files = 1,
                            .num_bytes = 0,
                            .problems = {}};
  std::error_code none;
  verdict.num_bytes = fs::file_size(path, none);
  try {
    auto const manifest = read_checkpoint_manifest(path.parent_path());
    if (manifest)
      if (auto const file = manifest->files.find(path.filename().string());
          file != manifest->files.end())
        value_or_throw(check_listed_file(path, file->second));
    check_weights(path);
  } catch (Error const& failed) {
    verdict.problems.push_back({path, failed.what()});
  }
  return verdict;
}

CheckpointVerdict verify_links(CheckpointListing const& listing) {
  CheckpointVerdict verdict{.path = listing.folder,
                            .step = std::nullopt,
                            .num_files = 0,
                            .num_bytes = 0,
                            .problems = {}};
  for (auto const& link : listing.links)
    if (!link.is_there)
      verdict.problems.push_back(
          {listing.folder / link.name,
           fmt::format("{} points to {}, which is not there",
                       (listing.folder / link.name).string(),
                       printable(link.target.string()))});
  return verdict;
}

}  // namespace

CheckpointVerdict verify_checkpoint(fs::path const& step_folder) {
  auto const manifest_text = [&] {
    return read_text(step_folder / "manifest.json").value_or("");
  };
  // A run may save the step again while it is read.
  constexpr int num_tries = 3;
  for (int i = 1;; ++i) {
    auto const before = manifest_text();
    auto verdict = Scrutiny(step_folder).run();
    if (verdict.is_good() || i == num_tries || manifest_text() == before)
      return verdict;
  }
}

std::vector<CheckpointVerdict> verify_checkpoints(
    CheckpointPlace const& place) {
  if (place.kind == CheckpointPlace::Kind::file)
    return {verify_file(place.path)};
  if (place.kind == CheckpointPlace::Kind::step)
    return {verify_checkpoint(place.path)};
  auto const listing = value_or_throw(list_checkpoints(place.path));
  std::vector<CheckpointVerdict> verdicts;
  for (auto const& listed : listing.checkpoints) {
    if (listed.is_unfinished) continue;
    auto verdict = verify_checkpoint(listed.path);
    std::error_code none;
    if (fs::exists(listed.path, none)) verdicts.push_back(std::move(verdict));
  }
  auto folder = verify_links(listing);
  if (verdicts.empty())
    folder.problems.push_back(
        {place.path, fmt::format("{} has no checkpoint", place.path.string())});
  if (!folder.is_good()) verdicts.push_back(std::move(folder));
  return verdicts;
}

}  // namespace gasm
