// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>

#include "gasm/config/cast_config.hpp"
#include "gasm/config/field.hpp"
#include "gasm/config/fusion_config.hpp"
#include "gasm/config/motion_config.hpp"
#include "gasm/config/semantic_config.hpp"
#include "gasm/config/timesformer_config.hpp"

namespace gasm {

enum class ModelKind { fusion, timesformer, cast };
constexpr auto choices(ModelKind) {
  return std::array{Choice{ModelKind::fusion, "fusion"},
                    Choice{ModelKind::timesformer, "timesformer"},
                    Choice{ModelKind::cast, "cast"}};
}

/// Two backbones and what joins them, or a published recogniser to compare
/// with, of which `timesformer` or `cast` says all. fusion.kind decides which
/// streams exist: `semantic` has no motion backbone, `motion` no semantic one.
struct ModelConfig {
  ModelKind kind = ModelKind::fusion;
  SemanticConfig semantic;
  MotionConfig motion;
  FusionConfig fusion;
  TimesformerConfig timesformer;
  CastConfig cast;
  std::optional<int> num_classes;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("kind", self.kind,
            "fusion: the sections semantic, motion and fusion describe the "
            "model. timesformer and cast: the section of that name does, and "
            "the clips run through it.");
    v.section("semantic", self.semantic,
              "Backbone of the semantic stream: what is seen.");
    v.section("motion", self.motion,
              "Backbone of the motion stream: what moves.");
    v.section("fusion", self.fusion, "How the streams are joined.");
    v.section("timesformer", self.timesformer,
              "TimeSformer with divided attention, all of it trained.");
    v.section("cast", self.cast,
              "CAST: adapters and cross-attention, trained, in each pair of "
              "blocks of a frozen CLIP and a frozen VideoMAE.");
    v.field("num_classes", self.num_classes,
            "Classes of the head; null: those of the training store.",
            between(1, 1 << 20));
  }
};

/// The size of the clips that a model sees.
inline Resolution input_resolution(ModelConfig const& config) {
  if (config.kind == ModelKind::timesformer)
    return config.timesformer.resolution;
  if (config.kind == ModelKind::cast) return config.cast.resolution;
  return config.semantic.resolution;
}

}  // namespace gasm
