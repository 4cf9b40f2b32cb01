// SPDX-License-Identifier: Apache-2.0
#include "gasm/ckpt/checkpoint.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "checkpoint_manifest.hpp"
#include "checkpoint_shards.hpp"
#include "gasm/base/exchange_names.hpp"
#include "gasm/base/file.hpp"
#include "gasm/base/log.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

bool is_unfinished(fs::path const& path) {
  return path.filename().string().find(".tmp-") != std::string::npos;
}

std::vector<fs::path> entries_of(fs::path const& folder) {
  std::vector<fs::path> found;
  std::error_code none;
  for (auto const& entry : fs::directory_iterator(folder, none))
    found.push_back(entry.path());
  return found;
}

/// What a killed save left behind.
void remove_leftovers(fs::path const& folder, fs::path const& kept) {
  for (auto const& path : entries_of(folder))
    if (path != kept && is_unfinished(path))
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

/// Where names cannot be exchanged: rename replaces no folder, so that the old
/// one steps aside.
Result<void> put_beside(fs::path const& temporary, fs::path const& final_path,
                        fs::path const& replaced) {
  if (auto gone = remove_tree(replaced); !gone) return gone;
  if (auto done = publish_rename(final_path, replaced); !done) return done;
  auto done = publish_rename(temporary, final_path);
  std::error_code none;
  if (!done && !fs::exists(final_path, none))
    (void)publish_rename(replaced, final_path);
  return done;
}

/// Gives `temporary` the name `final_path`, which may be that of the same step,
/// saved before; that one goes.
Result<void> put_in_place(fs::path const& temporary,
                          fs::path const& final_path) {
  std::error_code none;
  auto const replaced =
      fs::path(final_path.string() + std::string(kReplacedStep));
  if (!fs::exists(final_path, none)) {
    if (auto done = publish_rename(temporary, final_path); !done) return done;
  } else {
    auto const exchanged = exchange_names(temporary, final_path);
    if (!exchanged) return tl::unexpected(exchanged.error());
    if (*exchanged) {
      if (auto gone = remove_tree(temporary); !gone)
        log_warn("an old checkpoint stays: {}", gone.error().what());
    } else if (auto done = put_beside(temporary, final_path, replaced); !done) {
      return done;
    }
  }
  if (fs::exists(replaced, none)) discard(replaced);
  return {};
}

/// Of a step folder that was replaced when its job was killed.
void tidy_replaced(fs::path const& replaced) {
  auto name = replaced.filename().string();
  name.resize(name.size() - kReplacedStep.size());
  if (!step_of(name)) return;
  auto const final_path = replaced.parent_path() / name;
  std::error_code none;
  if (!fs::exists(final_path, none)) {
    if (auto done = publish_rename(replaced, final_path); !done)
      log_warn("{}", done.error().what());
  } else if (read_checkpoint_manifest(final_path)) {
    discard(replaced);
  }
}

struct Kept {
  std::set<std::int64_t> steps;
  std::optional<std::int64_t> best;  ///< the newest of those that score most
};

/// The error says what to run. One for what a newer version wrote does already.
tl::unexpected<Error> with_advice(Error const& failed,
                                  fs::path const& step_folder) {
  std::string const text = failed.what();
  if (failed.code() == ExitCode::usage) return tl::unexpected(failed);
  bool const has_advice = text.find(". Try ") != std::string::npos;
  return tl::unexpected(
      Error(fmt::format("{}{} gasm ckpt verify {}", text,
                        has_advice ? ", or" : ". Try", step_folder.string()),
            failed.code()));
}

/// What retention keeps of `list`, oldest first.
Kept kept_of(std::vector<CheckpointInfo> list, Retention const& retention) {
  Kept kept;
  if (retention.keep_every > 0)
    for (auto const& info : list)
      if (info.step % retention.keep_every == 0) kept.steps.insert(info.step);
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
    if (name.ends_with(kReplacedStep)) {
      name.resize(name.size() - kReplacedStep.size());
      if (fs::exists(folder_ / name, why)) continue;
    }
    auto const step = step_of(name);
    if (!step || entry.is_symlink()) continue;
    CheckpointInfo info{*step, entry.path(), std::nullopt};
    if (auto const manifest = read_checkpoint_manifest(entry.path()))
      info.score = manifest->score;
    found.push_back(std::move(info));
  }
  std::sort(found.begin(), found.end(),
            [](auto const& a, auto const& b) { return a.step < b.step; });
  return found;
}

Result<void> CheckpointStore::save(Checkpoint const& checkpoint,
                                   std::optional<double> score,
                                   Retention const& retention) const {
  auto const path = unfinished(checkpoint.step, std::to_string(::getpid()));
  if (auto done = prepare(path); !done) return done;
  auto files = write_shards(path, whole_share(checkpoint).sets, {});
  if (!files) {
    (void)remove_tree(path);
    return tl::unexpected(files.error());
  }
  return publish(path,
                 {.step = checkpoint.step,
                  .num_ranks = 1,
                  .score = score,
                  .facts = checkpoint.facts,
                  .files = *std::move(files)},
                 retention);
}

fs::path CheckpointStore::unfinished(std::int64_t step,
                                     std::string const& job) const {
  return folder_ / fmt::format("{}.tmp-{}", step_name(step), job);
}

Result<void> CheckpointStore::prepare(fs::path const& unfinished) const {
  if (auto made = make_folder(folder_); !made) return made;
  remove_leftovers(folder_, unfinished);
  return make_folder(unfinished);
}

void CheckpointStore::tidy() const {
  remove_leftovers(folder_, {});
  for (auto const& path : entries_of(folder_)) {
    if (path.string().ends_with(kReplacedStep))
      tidy_replaced(path);
    else if (step_of(path.filename().string()))
      remove_leftovers(path, {});
  }
}

Result<void> CheckpointStore::publish(fs::path const& unfinished,
                                      CheckpointManifest const& manifest,
                                      Retention const& retention) const {
  auto const name = step_name(manifest.step);
  auto done = write_checkpoint_manifest(unfinished, manifest);
  if (done) done = put_in_place(unfinished, folder_ / name);
  if (!done) {
    (void)remove_tree(unfinished);
    return done;
  }
  return settle(manifest.step, retention);
}

Result<void> CheckpointStore::rescore(
    std::int64_t step, double score,
    std::map<std::string, std::string> const& facts,
    Retention const& retention) const {
  auto const path = folder_ / step_name(step);
  auto manifest = read_checkpoint_manifest(path);
  if (!manifest) return tl::unexpected(manifest.error());
  manifest->score = score;
  manifest->facts = facts;
  if (auto done = write_checkpoint_manifest(path, *manifest); !done)
    return done;
  return settle(step, retention);
}

Result<void> CheckpointStore::settle(std::int64_t step,
                                     Retention const& retention) const {
  // The job that published the step may have been killed before this.
  auto pointed = publish_symlink(folder_ / "latest", step_name(step));
  if (!pointed) return pointed;
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
  if (auto const problem = find_dangling_link(step_folder))
    return tl::unexpected(*problem);
  auto manifest = read_checkpoint_manifest(step_folder);
  if (!manifest) return with_advice(manifest.error(), step_folder);
  try {
    return Checkpoint{.step = manifest->step,
                      .files = read_shards(step_folder, *manifest),
                      .facts = std::move(manifest->facts),
                      .path = step_folder};
  } catch (Error const& failed) {
    return with_advice(failed, step_folder);
  } catch (std::exception const& failed) {
    return with_advice(error("{} cannot be read ({})", step_folder.string(),
                             error_of(failed).what()),
                       step_folder);
  }
}

CheckpointShare whole_share(Checkpoint checkpoint) {
  CheckpointShare share{.step = checkpoint.step,
                        .sets = {},
                        .facts = std::move(checkpoint.facts)};
  for (auto& [set, file] : checkpoint.files)
    share.sets[set].common = std::move(file);
  return share;
}

}  // namespace gasm
