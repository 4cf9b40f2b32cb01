// SPDX-License-Identifier: Apache-2.0
#include "start_point.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "gasm/base/log.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/config/load.hpp"
#include "gasm/models/named_tensors.hpp"
#include "run_setup.hpp"
#include "train_state.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

bool is_path(std::string const& wanted) {
  return wanted != "auto" && wanted != "never" && wanted != "must";
}

/// The same text for a place, by whatever links and dots it is named. What is
/// not there keeps its name.
fs::path canonical_of(fs::path const& named) {
  std::error_code why;
  auto const path = fs::weakly_canonical(fs::absolute(named, why), why);
  if (why)
    throw error(
        "cannot look at {} ({}; checkpoint.resume). Try a path that you may "
        "read",
        named.string(), why.message());
  return path.has_filename() ? path : path.parent_path();
}

/// Is `path` a step folder of `store`, its folder, or that of its run?
bool is_within(fs::path const& path, fs::path const& store) {
  return path == store || path == store.parent_path() ||
         path.parent_path() == store;
}

/// Does `path` name this step folder, its folder, or that of its run?
bool is_name_of(fs::path const& path, fs::path const& step) {
  return path == step || path == step.parent_path() ||
         path == step.parent_path().parent_path();
}

/// Where checkpoints are looked for: in a folder of them, or one step's.
struct Place {
  std::string folder;
  std::string step;
};

Place place_of(std::string const& wanted) {
  auto const path = canonical_of(wanted);
  std::error_code none;
  if (fs::is_symlink(path, none) && !fs::exists(path, none))
    throw usage_error(
        "{} points to {}, which is not there (checkpoint.resume). Try a step "
        "folder beside it, or their folder",
        path.string(), fs::read_symlink(path, none).string());
  if (!fs::exists(path, none))
    throw usage_error(
        "there is no {} (checkpoint.resume). Try auto, never, must, or the "
        "path of a step folder, a folder of checkpoints or a run folder",
        path.string());
  if (fs::is_directory(path / "checkpoints", none))
    return {.folder = (path / "checkpoints").string(), .step = {}};
  if (fs::exists(path / "manifest.json", none) ||
      path.filename().string().starts_with("step-"))
    return {.folder = {}, .step = path.string()};
  if (CheckpointStore(path).list().empty())
    throw usage_error(
        "{} is no checkpoint (checkpoint.resume). Try the path of a step "
        "folder, a folder of checkpoints or a run folder",
        path.string());
  return {.folder = path.string(), .step = {}};
}

std::optional<std::string> origin_of(Checkpoint const& checkpoint) {
  auto const found = checkpoint.facts.find(kStartedFrom);
  if (found == checkpoint.facts.end() || found->second == kStartedNowhere)
    return std::nullopt;
  return found->second;
}

StartPoint own_start(Checkpoint checkpoint) {
  auto origin = origin_of(checkpoint);
  return {std::move(checkpoint), std::move(origin)};
}

std::optional<StartPoint> newest_of(Communicator const& world,
                                    CheckpointStore const& own) {
  auto found = load_newest_checkpoint(world, own);
  if (!found) return std::nullopt;
  return own_start(*std::move(found));
}

Checkpoint load_step(Communicator const& world, fs::path const& step) {
  auto loaded = CheckpointStore(step.parent_path()).load(step);
  if (!loaded)
    loaded = tl::unexpected(
        Error(fmt::format("{}. Try another step folder, or their folder, whose "
                          "newest good checkpoint is taken (checkpoint.resume)",
                          loaded.error().what()),
              loaded.error().code()));
  return agree(world, std::move(loaded));
}

/// What `wanted` names, where nothing speaks against it.
Checkpoint load_wanted(Communicator const& world, std::string const& wanted) {
  auto place = agree_call(
      world, [&] { return world.is_root() ? place_of(wanted) : Place{}; });
  world.broadcast(place.folder);
  world.broadcast(place.step);
  if (!place.step.empty()) return load_step(world, place.step);
  auto found = load_newest_checkpoint(world, CheckpointStore(place.folder));
  if (!found)
    throw usage_error(
        "{} has no good checkpoint (checkpoint.resume). Try another path, or "
        "checkpoint.resume: auto",
        place.folder);
  return *std::move(found);
}

std::optional<StartPoint> start_at(Communicator const& world,
                                   CheckpointStore const& own,
                                   std::string const& wanted, bool has_own) {
  std::string path;
  std::int64_t is_own = 0;
  agree_call(world, [&] {
    if (!world.is_root()) return;
    path = canonical_of(wanted).string();
    is_own = is_within(path, canonical_of(own.folder())) ? 1 : 0;
  });
  world.broadcast(path);
  world.broadcast(is_own);
  if (is_own != 0) return own_start(load_wanted(world, wanted));
  if (!has_own) {
    auto checkpoint = load_wanted(world, wanted);
    auto from = checkpoint.path.string();
    log_info("the run begins with {}", from);
    return StartPoint{std::move(checkpoint), std::move(from)};
  }
  // Started again by the same command.
  auto found = newest_of(world, own);
  if (found && found->started_from && is_name_of(path, *found->started_from))
    return found;
  throw usage_error(
      "{} has checkpoints of its own, which did not begin with {} "
      "(checkpoint.resume). Try another run.name to begin there, or "
      "checkpoint.resume: auto to go on from its own",
      own.folder().string(), path);
}

/// At most this many are named.
constexpr std::size_t kMostNamed = 3;

std::string joined(std::vector<std::string> texts) {
  if (texts.size() > kMostNamed) {
    auto const more = texts.size() - kMostNamed;
    texts.resize(kMostNamed);
    texts.push_back(fmt::format("and {} more", more));
  }
  return fmt::format("{}", fmt::join(texts, "; "));
}

std::string differing_keys(RunConfig const& then, RunConfig const& now) {
  auto const old_values = list_values(experiment_of(then));
  auto const new_values = list_values(experiment_of(now));
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < new_values.size(); ++i)
    if (old_values[i] != new_values[i])
      texts.push_back(fmt::format("{} is {} there and {} here",
                                  new_values[i].first, old_values[i].second,
                                  new_values[i].second));
  return texts.empty() ? "written by a version with other keys" : joined(texts);
}

std::string differing_tensors(Checkpoint const& checkpoint,
                              Recogniser const& model) {
  auto const saved = checkpoint.files.find("model");
  std::vector<std::string> texts;
  if (saved != checkpoint.files.end())
    for (auto const& [name, tensor] : named_tensors(model)) {
      auto const there = saved->second.tensors.find(name);
      if (there == saved->second.tensors.end())
        texts.push_back(name + " is not there");
      else if (there->second.sizes() != tensor.sizes())
        texts.push_back(fmt::format("{} is {} there and {} here", name,
                                    shape_text(there->second),
                                    shape_text(tensor)));
    }
  return texts.empty() ? "data, model, optim or train differ" : joined(texts);
}

}  // namespace

std::optional<StartPoint> find_start(Communicator const& world,
                                     CheckpointStore const& own,
                                     std::string const& wanted) {
  auto num_there =
      world.is_root() ? static_cast<std::int64_t>(own.list().size()) : 0;
  world.broadcast(num_there);
  if (is_path(wanted)) return start_at(world, own, wanted, num_there > 0);
  if (num_there > 0 && wanted == "never")
    throw usage_error(
        "{} has checkpoints (checkpoint.resume is never). Try another "
        "run.name, or checkpoint.resume: auto",
        own.folder().string());
  auto found = newest_of(world, own);
  if (!found && wanted == "must")
    throw usage_error(
        "{} has no good checkpoint (checkpoint.resume is must). Try "
        "checkpoint.resume: auto",
        own.folder().string());
  return found;
}

void check_experiment(Checkpoint const& checkpoint, RunConfig const& config,
                      Recogniser const& model) {
  auto const found = checkpoint.facts.find("experiment");
  if (found != checkpoint.facts.end() &&
      found->second == experiment_digest(config))
    return;
  auto const of_run =
      checkpoint.path.parent_path().parent_path() / "config.yaml";
  auto const then = caught([&] { return load_config(of_run); });
  throw usage_error(
      "the checkpoint of step {} was made with another configuration ({}: "
      "{}). Try the same configuration, or a run of its own (another "
      "run.name, checkpoint.resume: auto)",
      checkpoint.step, checkpoint.path.string(),
      then ? differing_keys(*then, config)
           : differing_tensors(checkpoint, model));
}

}  // namespace gasm
