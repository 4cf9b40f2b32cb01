// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "gasm/config/field.hpp"

namespace gasm {

/// How ranks that hang, differ or are slow are found.
struct WatchConfig {
  std::optional<double> open_s;
  std::optional<double> build_s;
  std::optional<double> load_s;
  std::optional<double> step_s;
  std::optional<double> evaluate_s;
  std::optional<double> save_s;
  int calls_every = 1;
  int weights_every = 100;
  double skew_factor = 1.5;
  int skew_lines = 3;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("open_s", self.open_s,
            "Seconds without progress, while the stores are opened, after "
            "which the run ends with exit code 75; null: train.watchdog_s; 0: "
            "never.",
            between(0, 1e6));
    v.field("build_s", self.build_s, "The same while the model is built.",
            between(0, 1e6));
    v.field("load_s", self.load_s, "The same while a checkpoint is loaded.",
            between(0, 1e6));
    v.field("step_s", self.step_s, "The same in training steps.",
            between(0, 1e6));
    v.field("evaluate_s", self.evaluate_s, "The same in evaluations.",
            between(0, 1e6));
    v.field("save_s", self.save_s, "The same while a checkpoint is saved.",
            between(0, 1e6));
    v.field("calls_every", self.calls_every,
            "Steps between comparisons of what ranks exchanged: if a rank "
            "called anything else than the others, the run ends and names it. "
            "0: never.",
            between(0, 1 << 30));
    v.field("weights_every", self.weights_every,
            "Steps between comparisons of the weights over the ranks: if they "
            "differ, the run ends and names rank and parameter. 0: never.",
            between(0, 1 << 30));
    v.field("skew_factor", self.skew_factor,
            "A rank that takes so many times the median rank's own time for a "
            "clip, without waiting for others, is slow: it is named, with an "
            "alert. 0: none is.",
            between(0, 1e6));
    v.field("skew_lines", self.skew_lines,
            "Lines of the log in a row for which a rank must be slow before "
            "it is named.",
            between(1, 1 << 20));
  }
};

}  // namespace gasm
