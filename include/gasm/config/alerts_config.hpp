// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "gasm/config/field.hpp"

namespace gasm {

/// When somebody should look. Rules in docs/formats.md (alerts.jsonl).
struct AlertsConfig {
  double loss_spike = 10;
  double top1_drop = 0.1;
  double stall_factor = 10;
  double stall_s = 60;
  double data_wait = 0.5;
  double bad_clips = 0.01;
  std::optional<double> disk_gb;
  double cooldown_s = 600;
  std::string command;
  double command_limit_s = 30;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("loss_spike", self.loss_spike,
            "A loss counts as a spike if it is above the median of the last "
            "lines of the curve by so many of their deviations; 0: never.",
            between(0, 1e6));
    v.field("top1_drop", self.top1_drop,
            "A validation counts as a regression if its top-1 (a fraction of "
            "1) is so far below the best before; 0: never.",
            between(0, 1));
    v.field("stall_factor", self.stall_factor,
            "A run counts as stalled if a step takes so many times the usual; "
            "0: never.",
            between(0, 1e6));
    v.field("stall_s", self.stall_s,
            "And at least so many seconds, which are the usual until the first "
            "step is done.",
            between(0, 1e6));
    v.field("data_wait", self.data_wait,
            "Share of the time in which rank 0 waits for data, as the mean of "
            "five lines of the curve, above which an alert is raised; 1: "
            "never.",
            between(0, 1));
    v.field("bad_clips", self.bad_clips,
            "Share of clips that could not be decoded, of those of 100 steps, "
            "above which an alert is raised; 1: never.",
            between(0, 1));
    v.field("disk_gb", self.disk_gb,
            "Free space (1e9 bytes) of the run folder's disk below which an "
            "alert is raised; null: what two checkpoints take; 0: never.",
            between(0, 1e9));
    v.field("cooldown_s", self.cooldown_s,
            "Seconds in which an alert of one kind is not raised again, and "
            "the command not started again for one.",
            between(0, 1e9));
    v.field("command", self.command,
            "What /bin/sh runs for an alert, on the host of rank 0, with "
            "GASM_ALERT_KIND, GASM_ALERT_STEP, GASM_ALERT_TEXT and "
            "GASM_RUN_FOLDER in its environment; empty: nothing. The run "
            "never waits for it.");
    v.field("command_limit_s", self.command_limit_s,
            "Seconds after which the command is killed.", between(0.1, 86400));
  }
};

}  // namespace gasm
