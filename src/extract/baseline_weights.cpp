// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "backbone_weights.hpp"
#include "gasm/base/error.hpp"
#include "gasm/base/log.hpp"
#include "gasm/models/cast.hpp"
#include "gasm/models/timesformer_model.hpp"
#include "gasm/models/vit_positions.hpp"

namespace gasm {
namespace {

constexpr char kClassifier[] = "classifier.";
constexpr char kLastNorm[] = "norm.";

void erase_below(TensorMap& tensors, char const* prefix) {
  std::erase_if(tensors, [&](auto const& item) {
    return item.first.starts_with(prefix);
  });
}

/// The head of the file, which must fit, or else the one that was drawn.
void settle_head(TimesformerConfig const& config, Timesformer const& body,
                 TensorMap& tensors) {
  if (config.head == HeadStart::fresh) {
    erase_below(tensors, kClassifier);
    for (auto const& [name, drawn] : named_tensors(body))
      if (name.starts_with(kClassifier)) tensors.emplace(name, drawn.clone());
    return;
  }
  auto const bias = tensors.find("classifier.bias");
  auto const wanted = body.options().num_classes;
  auto const found = bias == tensors.end() ? 0 : bias->second.numel();
  if (found == wanted) return;
  throw error(
      "{} has {}, but the model has {} classes (model.timesformer.head is "
      "weights). Try model.timesformer.head: fresh",
      *config.weights,
      found == 0 ? "no classifier"
                 : fmt::format("a classifier of {} classes", found),
      wanted);
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
  settle_head(config, body, tensors);
  load_backbone(body, tensors, WeightLoad::strict, *config.weights);
}

void load_cast(CastConfig const& config, Cast& model) {
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
