// SPDX-License-Identifier: Apache-2.0
#include "gasm/extract/feature_recipe.hpp"

#include <fmt/format.h>
#include <torch/version.h>

#include <optional>
#include <string_view>

#include "gasm/base/error.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/config/load.hpp"
#include "gasm/config/run_config.hpp"
#include "gasm/store/feature_store.hpp"
#include "gasm/store/provenance.hpp"

namespace gasm {
namespace {

bool starts_with_any(std::string_view key,
                     std::initializer_list<std::string_view> starts) {
  for (auto const start : starts)
    if (key.starts_with(start)) return true;
  return false;
}

std::string weights_line(std::string const& key,
                         std::optional<std::string> const& path,
                         WeightLoad load, std::uint64_t seed) {
  auto const random = fmt::format("random of run.seed {}", seed);
  if (!path) return key + ": " + random + "\n";
  auto const hash = "xxh64 " + to_hex(value_or_throw(xxh64_file(*path)));
  return key + ": " + hash +
         (load == WeightLoad::partial ? ", else " + random : "") + "\n";
}

/// Whether features depend on a key, other than those of weights.
bool decides(std::string_view key, RunConfig const& config,
             FeatureViews views) {
  auto const kind = config.model.fusion.kind;
  for (auto const* end : {".weights", ".load", ".train", ".learns"})
    if (key.ends_with(end)) return false;
  if (key.starts_with("model.semantic."))
    return kind != FusionKind::motion || key == "model.semantic.resolution";
  if (key.starts_with("model.motion.")) return kind != FusionKind::semantic;
  if (key == "train.precision") return true;
  if (key.starts_with("data.sampling.") || key == "data.augment.crop")
    return true;
  if (views == FeatureViews::test)
    return key == "eval.clips" || key == "eval.crops";
  // Clips are mixed in a batch, not in a view.
  return key == "run.seed" || (key.starts_with("data.augment.") &&
                               !key.starts_with("data.augment.mix."));
}

/// What a training on features must share with their extraction.
bool is_of_the_model(std::string const& key) {
  return starts_with_any(key, {"model.", "data.sampling.frames"});
}

/// The streams that a fusion reads.
bool is_read(std::string const& key, FusionKind kind) {
  if (key == "model.semantic.resolution") return true;
  if (key.starts_with("model.semantic.")) return kind != FusionKind::motion;
  if (key.starts_with("model.motion.")) return kind != FusionKind::semantic;
  return true;
}

}  // namespace

std::string feature_recipe(RunConfig const& config, FeatureViews views) {
  if (config.model.kind != ModelKind::fusion)
    throw usage_error(
        "model.kind is {}, which keeps no features between backbones and head. "
        "Try model.kind: fusion",
        to_word(config.model.kind));
  std::string recipe;
  for (auto const& [key, value] : list_values(config))
    if (decides(key, config, views)) recipe += key + ": " + value + "\n";
  auto const kind = config.model.fusion.kind;
  if (kind != FusionKind::motion)
    recipe +=
        weights_line("model.semantic.weights", config.model.semantic.weights,
                     config.model.semantic.load, config.run.seed);
  if (kind != FusionKind::semantic)
    recipe += weights_line("model.motion.weights", config.model.motion.weights,
                           config.model.motion.load, config.run.seed);
  return recipe + "libtorch: " TORCH_VERSION "\n";
}

std::string shared_feature_recipe(Communicator const& world,
                                  RunConfig const& config, FeatureViews views) {
  auto recipe = agree_call(world, [&] {
    return world.is_root() ? feature_recipe(config, views) : std::string();
  });
  world.broadcast(recipe);
  return recipe;
}

void check_recipe(FeatureStore const& store, std::string const& recipe,
                  RunConfig const& config) {
  auto const kind = config.model.fusion.kind;
  auto const refuse_without = [&](bool is_there, char const* stream) {
    if (!is_there)
      throw usage_error(
          "{} has no {} features (model.fusion.kind {} needs them). Try gasm "
          "extract with this configuration",
          store.path().string(), stream, to_word(kind));
  };
  refuse_without(kind == FusionKind::motion || store.contents().semantic,
                 "semantic");
  refuse_without(kind == FusionKind::semantic || store.contents().motion,
                 "motion");
  auto const differs = compare_provenance(
      store.contents().provenance, recipe, [&](std::string const& key) {
        return is_of_the_model(key) && is_read(key, kind);
      });
  if (!differs.empty())
    throw usage_error(
        "the features of {} were made by another model than the "
        "configuration's ({}). Try gasm extract with this configuration, or "
        "the configuration of the extraction",
        store.path().string(), differs);
}

}  // namespace gasm
