// SPDX-License-Identifier: Apache-2.0
#include "gasm/ckpt/checkpoint.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "gasm/base/file.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/base/log.hpp"
#include "gasm/comm/agree.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;

constexpr int kFormatVersion = 1;
/// Of the name of a step's old folder while the new one takes its place.
constexpr std::string_view kReplaced = ".replaced";

std::string step_name(std::int64_t step) {
  return fmt::format("step-{}", step);
}

/// N of "step-N", none for any other name.
std::optional<std::int64_t> step_of(std::string const& name) {
  if (!name.starts_with("step-")) return std::nullopt;
  std::int64_t step = 0;
  auto const* first = name.data() + 5;
  auto const* last = name.data() + name.size();
  auto const [end, why] = std::from_chars(first, last, step);
  if (why != std::errc() || end != last || first == last) return std::nullopt;
  return step;
}

Result<json> read_manifest_of(fs::path const& step_folder) {
  auto const path = step_folder / "manifest.json";
  auto text = read_text(path);
  if (!text) return tl::unexpected(text.error());
  auto manifest = json::parse(*text, nullptr, false);
  if (manifest.is_discarded() || !manifest.is_object())
    return failure("{} is not JSON (damaged)", path.string());
  auto const format = manifest.find("format");
  if (format == manifest.end() || *format != kFormatVersion)
    return failure("{} is not of format {} (of another program, or damaged)",
                   path.string(), kFormatVersion);
  return manifest;
}

Result<void> write_files(fs::path const& folder, Checkpoint const& checkpoint,
                         std::optional<double> score) {
  json files = json::object();
  for (auto const& [name, file] : checkpoint.files) {
    auto const file_name = name + ".safetensors";
    auto const hash = write_safetensors(folder / file_name, file);
    if (!hash) return tl::unexpected(hash.error());
    std::error_code ignored;
    files[file_name] = {{"bytes", fs::file_size(folder / file_name, ignored)},
                        {"xxh64", to_hex(*hash)}};
  }
  json manifest = {{"format", kFormatVersion},
                   {"step", checkpoint.step},
                   {"files", files},
                   {"facts", checkpoint.facts},
                   {"score", score ? json(format_exact(*score)) : json()}};
  return publish_file(folder / "manifest.json", manifest.dump(1) + "\n");
}

/// None if there is none, or it is damaged.
std::optional<double> score_in(json const& manifest) {
  auto const score = manifest.find("score");
  if (score == manifest.end() || !score->is_string()) return std::nullopt;
  try {
    return parse_exact(score->get<std::string>());
  } catch (Error const&) {
    return std::nullopt;
  }
}

/// What a killed save left behind.
void remove_leftovers(fs::path const& folder) {
  std::vector<fs::path> found;
  std::error_code none;
  for (auto const& entry : fs::directory_iterator(folder, none))
    if (entry.path().filename().string().find(".tmp-") != std::string::npos)
      found.push_back(entry.path());
  for (auto const& path : found)
    if (auto gone = remove_tree(path); !gone)
      log_warn("{}", gone.error().what());
}

/// Takes a folder's name from it, then its files: a crash between leaves no
/// half of a checkpoint.
void discard(fs::path const& path) {
  auto const doomed = path.string() + ".tmp-removed";
  auto gone = publish_rename(path, doomed);
  if (gone) gone = remove_tree(doomed);
  if (!gone) log_warn("an old checkpoint stays: {}", gone.error().what());
}

/// Renames `temporary` to `final_path`. The same step again (a replayed one):
/// rename cannot replace a folder, so that the old one steps aside.
Result<void> put_in_place(fs::path const& temporary,
                          fs::path const& final_path) {
  std::error_code none;
  auto const replaced = final_path.string() + std::string(kReplaced);
  if (fs::exists(final_path, none)) {
    if (auto gone = remove_tree(replaced); !gone) return gone;
    if (auto done = publish_rename(final_path, replaced); !done) return done;
  }
  auto done = publish_rename(temporary, final_path);
  if (!done) {
    if (fs::exists(replaced, none) && !fs::exists(final_path, none))
      (void)publish_rename(replaced, final_path);
    return done;
  }
  if (fs::exists(replaced, none)) discard(replaced);
  return {};
}

struct Kept {
  std::set<std::int64_t> steps;
  std::optional<std::int64_t> best;  ///< the newest of those that score most
};

/// What retention keeps of `list`, oldest first.
Kept kept_of(std::vector<CheckpointInfo> list, Retention const& retention) {
  Kept kept;
  auto const take = [&](int count) {
    for (std::size_t i = 0; i < list.size() && count > 0; ++i, --count)
      kept.steps.insert(list[i].step);
  };
  std::reverse(list.begin(), list.end());
  take(std::max(1, retention.keep_last));
  std::erase_if(list, [](auto const& info) { return !info.score; });
  std::stable_sort(list.begin(), list.end(), [](auto const& a, auto const& b) {
    return *a.score > *b.score;
  });
  take(retention.keep_best);
  if (!list.empty() && retention.keep_best > 0) kept.best = list.front().step;
  return kept;
}

}  // namespace

std::string format_exact(double value) { return fmt::format("{}", value); }

double parse_exact(std::string const& text) {
  double value = 0;
  auto const* last = text.data() + text.size();
  auto const [end, why] = std::from_chars(text.data(), last, value);
  if (why != std::errc() || end != last)
    throw error("'{}' is not a number (a damaged checkpoint manifest)", text);
  return value;
}

std::vector<CheckpointInfo> CheckpointStore::list() const {
  std::vector<CheckpointInfo> found;
  std::error_code why;
  for (auto const& entry : fs::directory_iterator(folder_, why)) {
    auto name = entry.path().filename().string();
    // Between two renames the old folder of a step has this name alone.
    if (name.ends_with(kReplaced)) {
      name.resize(name.size() - kReplaced.size());
      if (fs::exists(folder_ / name, why)) continue;
    }
    auto const step = step_of(name);
    if (!step || entry.is_symlink()) continue;
    CheckpointInfo info{*step, entry.path(), std::nullopt};
    if (auto manifest = read_manifest_of(entry.path()))
      info.score = score_in(*manifest);
    found.push_back(std::move(info));
  }
  std::sort(found.begin(), found.end(),
            [](auto const& a, auto const& b) { return a.step < b.step; });
  return found;
}

Result<void> CheckpointStore::save(Checkpoint const& checkpoint,
                                   std::optional<double> score,
                                   Retention const& retention) const {
  if (auto made = make_folder(folder_); !made) return made;
  remove_leftovers(folder_);
  auto const temporary =
      folder_ /
      fmt::format("{}.tmp-{}", step_name(checkpoint.step), ::getpid());
  auto done = make_folder(temporary);
  if (done) done = write_files(temporary, checkpoint, score);
  if (done)
    done = put_in_place(temporary, folder_ / step_name(checkpoint.step));
  if (!done) {
    (void)remove_tree(temporary);
    return done;
  }
  done = publish_symlink(folder_ / "latest", step_name(checkpoint.step));
  if (!done) return done;
  return prune(checkpoint.step, retention);
}

Result<void> CheckpointStore::prune(std::int64_t step,
                                    Retention const& retention) const {
  // Later steps were passed over when the run went on from an earlier one:
  // they are no measure of what is old, and are replaced when it gets there.
  auto all = list();
  std::erase_if(all, [&](auto const& info) { return info.step > step; });
  auto const kept = kept_of(all, retention);
  if (kept.best) {
    auto done = publish_symlink(folder_ / "best", step_name(*kept.best));
    if (!done) return done;
  }
  for (auto const& info : all)
    if (!kept.steps.contains(info.step)) discard(info.path);
  return {};
}

Result<Checkpoint> CheckpointStore::load(fs::path const& step_folder) const {
  auto const manifest = read_manifest_of(step_folder);
  if (!manifest) return tl::unexpected(manifest.error());
  try {
    Checkpoint checkpoint;
    checkpoint.step = manifest->at("step").get<std::int64_t>();
    checkpoint.facts =
        manifest->at("facts").get<std::map<std::string, std::string>>();
    for (auto const& [file_name, facts] : manifest->at("files").items()) {
      auto const path = step_folder / file_name;
      auto const hash = xxh64_file(path);
      if (!hash) return tl::unexpected(hash.error());
      if (to_hex(*hash) != facts.at("xxh64").get<std::string>())
        return failure("{} has the checksum {}, its manifest says {} (damaged)",
                       path.string(), to_hex(*hash),
                       facts.at("xxh64").get<std::string>());
      auto file = read_safetensors(path);
      if (!file) return tl::unexpected(file.error());
      checkpoint.files.emplace(fs::path(file_name).stem().string(),
                               *std::move(file));
    }
    return checkpoint;
  } catch (json::exception const& failed) {
    return failure("{} lacks what a checkpoint manifest says ({})",
                   (step_folder / "manifest.json").string(), failed.what());
  }
}

void save_checkpoint(Communicator const& comm, CheckpointStore const& store,
                     Checkpoint const& checkpoint, std::optional<double> score,
                     Retention const& retention) {
  Result<void> mine;
  if (comm.is_root()) mine = store.save(checkpoint, score, retention);
  agree_ok(comm, mine);
}

std::optional<Checkpoint> load_newest_checkpoint(Communicator const& comm,
                                                 CheckpointStore const& store) {
  // Rank 0 looks at the disk; all ranks read what it names.
  std::vector<CheckpointInfo> list;
  if (comm.is_root()) list = store.list();
  auto num_left = static_cast<std::int64_t>(list.size());
  comm.broadcast(num_left);
  for (; num_left > 0; --num_left) {
    std::string path;
    if (comm.is_root())
      path = list[static_cast<std::size_t>(num_left - 1)].path.string();
    comm.broadcast(path);
    auto checkpoint = store.load(path);
    std::int64_t const failed = checkpoint ? 0 : 1;
    if (comm.all_reduce_max(failed) == 0) return *std::move(checkpoint);
    if (!checkpoint)
      log_rank_warn("checkpoint {} is passed over: {}", path,
                    checkpoint.error().what());
  }
  return std::nullopt;
}

}  // namespace gasm
