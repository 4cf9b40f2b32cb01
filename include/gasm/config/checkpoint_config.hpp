// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "gasm/config/field.hpp"

namespace gasm {

enum class ResumeMode { automatic, never, must };
constexpr auto choices(ResumeMode) {
  return std::array{Choice{ResumeMode::automatic, "auto"},
                    Choice{ResumeMode::never, "never"},
                    Choice{ResumeMode::must, "must"}};
}

struct CheckpointConfig {
  std::int64_t every_steps = 0;
  double every_minutes = 5;
  int keep_last = 2;
  int keep_best = 1;
  ResumeMode resume = ResumeMode::automatic;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("every_steps", self.every_steps,
            "Steps between checkpoints; 0: only by time and at the end.",
            at_least(0));
    v.field("every_minutes", self.every_minutes,
            "Minutes between checkpoints; 0: only by steps and at the end.",
            between(0, 1e6));
    v.field("keep_last", self.keep_last, "Newest checkpoints that are kept.",
            between(1, 1 << 20));
    v.field("keep_best", self.keep_best,
            "Checkpoints with the highest top-1 that are kept as well.",
            between(0, 1 << 20));
    v.field("resume", self.resume,
            "auto: go on from the newest good checkpoint if there is one. "
            "never: refuse a run folder that has checkpoints. must: refuse one "
            "that has none.");
  }
};

}  // namespace gasm
