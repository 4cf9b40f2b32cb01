// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gasm/config/field.hpp"

namespace gasm {

/// Random changes of cached features in training; evaluation never draws.
struct FeatureAugmentConfig {
  int time_jitter = 0;
  double token_dropout = 0.0;
  double noise = 0.0;
  double mixup_alpha = 0.0;

  bool is_on() const {
    return time_jitter > 0 || token_dropout > 0.0 || noise > 0.0 ||
           mixup_alpha > 0.0;
  }

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("time_jitter", self.time_jitter,
            "Each step in time shows one that is up to this many steps away; "
            "their order is kept.",
            between(0, 1024));
    v.field("token_dropout", self.token_dropout,
            "Share of the tokens that become 0.", below(1));
    v.field("noise", self.noise,
            "Standard deviation of the noise that is added, in units of that "
            "of the sample.",
            between(0, 100));
    v.field("mixup_alpha", self.mixup_alpha,
            "Mixup within a micro-batch: shares are drawn from Beta(this, "
            "this); 0: none.",
            between(0, 100));
  }
};

}  // namespace gasm
