// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "gasm/config/field.hpp"
#include "gasm/config/fusion_config.hpp"
#include "gasm/config/motion_config.hpp"
#include "gasm/config/semantic_config.hpp"

namespace gasm {

/// Two backbones and what joins them. fusion.kind decides which streams
/// exist: `semantic` has no motion backbone, `motion` no semantic one.
struct ModelConfig {
  SemanticConfig semantic;
  MotionConfig motion;
  FusionConfig fusion;
  std::optional<int> num_classes;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.section("semantic", self.semantic,
              "Backbone of the semantic stream: what is seen.");
    v.section("motion", self.motion,
              "Backbone of the motion stream: what moves.");
    v.section("fusion", self.fusion, "How the streams are joined.");
    v.field("num_classes", self.num_classes,
            "Classes of the head; null: those of the training store.",
            between(1, 1 << 20));
  }
};

}  // namespace gasm
