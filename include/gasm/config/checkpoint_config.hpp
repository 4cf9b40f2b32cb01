// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "gasm/config/field.hpp"

namespace gasm {

enum class SaveInterval { fixed, automatic };
constexpr auto choices(SaveInterval) {
  return std::array{Choice{SaveInterval::fixed, "fixed"},
                    Choice{SaveInterval::automatic, "auto"}};
}

struct CheckpointConfig {
  std::int64_t every_steps = 0;
  double every_minutes = 5;
  SaveInterval interval = SaveInterval::fixed;
  double mtbf_hours = 0;
  bool async = true;
  int keep_last = 2;
  int keep_best = 1;
  std::int64_t keep_every = 0;
  std::string resume = "auto";

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("every_steps", self.every_steps,
            "Steps between checkpoints; 0: only by time and at the end.",
            at_least(0));
    v.field("every_minutes", self.every_minutes,
            "Minutes between checkpoints; 0: only by steps and at the end.",
            between(0, 1e6));
    v.field("interval", self.interval,
            "fixed: every_minutes. auto: the time between checkpoints that "
            "loses least, by what saves have cost so far and mtbf_hours "
            "(Daly's estimate); every_minutes until a save was measured.");
    v.field("mtbf_hours", self.mtbf_hours,
            "Mean time between failures of the whole job, in hours (of a node, "
            "divided by the number of nodes); interval: auto needs it.",
            between(0, 1e6));
    v.field("async", self.async,
            "true: steps go on while a checkpoint is written; a job that dies "
            "then loses the steps since the one before, at most two intervals. "
            "false: they wait until it is written; at most one interval is "
            "lost.");
    v.field("keep_last", self.keep_last, "Newest checkpoints that are kept.",
            between(1, 1 << 20));
    v.field("keep_best", self.keep_best,
            "Checkpoints with the highest top-1 that are kept as well.",
            between(0, 1 << 20));
    v.field("keep_every", self.keep_every,
            "N: each multiple of N steps has a checkpoint that is kept for "
            "ever; 0: none.",
            at_least(0));
    v.field("resume", self.resume,
            "auto: go on from the newest good checkpoint if there is one. "
            "never: refuse a run folder that has checkpoints. must: refuse one "
            "that has none. Else the path of a step folder, or of a folder of "
            "checkpoints or a run folder, whose newest good one is taken: what "
            "a run without checkpoints of its own begins with.",
            non_empty());
  }
};

}  // namespace gasm
