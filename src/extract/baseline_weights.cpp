// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include "backbone_weights.hpp"
#include "gasm/base/error.hpp"
#include "gasm/base/log.hpp"
#include "gasm/ckpt/weights.hpp"
#include "gasm/models/cast.hpp"
#include "gasm/models/timesformer_model.hpp"
#include "gasm/models/vit_positions.hpp"

namespace gasm {
namespace {

constexpr char kLastNorm[] = "norm.";

void erase_below(TensorMap& tensors, std::string const& prefix) {
  std::erase_if(tensors, [&](auto const& item) {
    return item.first.starts_with(prefix);
  });
}

struct HeadPlace {
  std::string prefix;  ///< of its tensors, in the model and the file
  std::string key;     ///< of the configuration
  HeadStart start;
};

/// The head of the file, which must fit, or else the one that was drawn.
void settle_head(HeadPlace const& head, torch::nn::Module const& model,
                 TensorMap& tensors, std::string const& path) {
  TensorMap drawn;
  for (auto const& [name, tensor] : named_tensors(model))
    if (name.starts_with(head.prefix)) drawn.emplace(name, tensor.clone());
  if (head.start == HeadStart::fresh) {
    erase_below(tensors, head.prefix);
    tensors.merge(drawn);
    return;
  }
  auto const bias = tensors.find(head.prefix + "bias");
  auto const wanted = drawn.at(head.prefix + "bias").numel();
  auto const found = bias == tensors.end() ? 0 : bias->second.numel();
  if (found == wanted) return;
  throw error(
      "{} has {}, but the model has {} classes ({} is weights). Try {}: fresh",
      path,
      found == 0 ? "no classifier"
                 : fmt::format("a classifier of {} classes", found),
      wanted, head.key, head.key);
}

/// Learned positions of another grid, resampled to the model's.
void resize_clip_positions(CastConfig const& config, BackboneWeights& weights,
                           std::string const& path) {
  auto const table = weights.tensors.find("embeddings.position_embeddings");
  if (table == weights.tensors.end()) return;  // strict loading tells
  VitOptions const stored = options_for(clip_backbone(config), weights, path);
  table->second =
      resize_positions(table->second, stored.learned_grid,
                       clip_options(config).learned_grid, stored.rules.resize);
}

}  // namespace

void load_timesformer(TimesformerConfig const& config,
                      TimesformerModel& model) {
  if (!config.weights) return;
  auto& body = model.body();
  auto tensors =
      read_renamed(BackboneKind::timesformer, *config.weights).tensors;
  if (is_image_transformer(tensors)) {
    tensors = add_time(std::move(tensors), body.options());
    log_info("{}: of images; attention over time starts as that over space",
             *config.weights);
  }
  tensors = resize_timesformer_embeddings(std::move(tensors), body.options());
  settle_head({"classifier.", "model.timesformer.head", config.head}, body,
              tensors, *config.weights);
  load_backbone(body, tensors, WeightLoad::strict, *config.weights);
}

void load_cast(CastConfig const& config, Cast& model) {
  if (auto const& path = config.weights) {
    auto const file = value_or_throw(read_weights(*path));
    auto weights = rename_cast_weights(file.tensors, *path);
    check_finite(weights.tensors, *path);
    log_info("{}: {}", *path, weights.naming);
    settle_head({"head.", "model.cast.head", config.head}, model,
                weights.tensors, *path);
    load_backbone(model, weights.tensors, WeightLoad::strict, *path);
    return;
  }
  if (auto const& path = config.clip.weights) {
    auto weights = read_renamed(BackboneKind::clip, *path);
    resize_clip_positions(config, weights, *path);
    load_backbone(model.clip(), weights.tensors, WeightLoad::strict, *path);
  }
  if (auto const& path = config.videomae.weights) {
    auto weights = read_renamed(BackboneKind::videomae, *path);
    // CAST has one after the mean instead, which starts anew.
    erase_below(weights.tensors, kLastNorm);
    load_backbone(model.videomae(), weights.tensors, WeightLoad::strict, *path);
  }
}

}  // namespace gasm
