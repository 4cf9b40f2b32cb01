// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "gasm/config/field.hpp"

namespace gasm {

enum class OptimKind { adamw, sgd };
constexpr auto choices(OptimKind) {
  return std::array{Choice{OptimKind::adamw, "adamw"},
                    Choice{OptimKind::sgd, "sgd"}};
}

/// In which operations an update is made.
enum class Implementation { fused, foreach, plain };
constexpr auto choices(Implementation) {
  return std::array{Choice{Implementation::fused, "fused"},
                    Choice{Implementation::foreach, "foreach"},
                    Choice{Implementation::plain, "plain"}};
}

enum class ScheduleKind { cosine, linear, constant, step };
constexpr auto choices(ScheduleKind) {
  return std::array{Choice{ScheduleKind::cosine, "cosine"},
                    Choice{ScheduleKind::linear, "linear"},
                    Choice{ScheduleKind::constant, "constant"},
                    Choice{ScheduleKind::step, "step"}};
}

struct OptimConfig {
  OptimKind kind = OptimKind::adamw;
  Implementation implementation = Implementation::fused;
  double lr = 1e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double momentum = 0.9;
  bool nesterov = true;
  double weight_decay = 0.05;
  ScheduleKind schedule = ScheduleKind::cosine;
  double warmup_epochs = 1.0;
  double final_lr_fraction = 0.01;
  std::vector<double> step_epochs;
  double step_factor = 0.1;
  double clip_norm = 1.0;
  double label_smoothing = 0.1;
  double backbone_lr_scale = 0.1;
  double layer_decay = 1.0;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field(
        "kind", self.kind,
        "adamw: Adam with decoupled weight decay. sgd: gradient descent with "
        "momentum, weight decay added to the gradient.");
    v.field("implementation", self.implementation,
            "adamw: fused reads and writes memory once. foreach makes one "
            "operation of all parameters after the other, plain one parameter "
            "after the other. Equal but for rounding.");
    v.field("lr", self.lr, "Highest learning rate.", between(0, 1e3));
    v.field("betas", self.betas,
            "adamw: decay of the first and second moments.", below(1));
    v.field("eps", self.eps, "adamw: added to the root of the second moment.",
            above(0));
    v.field("momentum", self.momentum,
            "sgd: share of the sum of the last gradients that is kept.",
            below(1));
    v.field("nesterov", self.nesterov,
            "sgd: steps look ahead by the momentum (Nesterov).");
    v.field("weight_decay", self.weight_decay,
            "Decay of matrices; vectors (biases, norms) have none.",
            between(0, 1e3));
    v.field("schedule", self.schedule,
            "Learning rate after the warm-up: cosine or linear to "
            "final_lr_fraction, constant, or step: constant but for "
            "step_epochs.");
    v.field("warmup_epochs", self.warmup_epochs,
            "Epochs of linear growth from 0; may be a fraction.",
            between(0, 1e6));
    v.field("final_lr_fraction", self.final_lr_fraction,
            "cosine, linear: last learning rate as a share of lr.",
            between(0, 1));
    v.field("step_epochs", self.step_epochs,
            "step: epochs, ascending, at each of which the learning rate is "
            "multiplied by step_factor.",
            between(0, 1e6).each(0, 64));
    v.field("step_factor", self.step_factor, "step: that factor.",
            between(0, 1));
    v.field("clip_norm", self.clip_norm,
            "Largest norm of the whole gradient; 0: no clipping.", at_least(0));
    v.field("label_smoothing", self.label_smoothing,
            "Share of the target spread over all classes.", below(1));
    v.field("backbone_lr_scale", self.backbone_lr_scale,
            "Learning rate of backbones that start from pretrained weights, "
            "as a share of lr.",
            between(0, 1e3));
    v.field("layer_decay", self.layer_decay,
            "Learning rate of each block as a share of that of the block above "
            "it; the topmost has this share of what is above all blocks. 1: "
            "all the same.",
            Limits{.low = 0, .high = 1, .excludes_low = true});
  }
};

}  // namespace gasm
