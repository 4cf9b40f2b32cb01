// SPDX-License-Identifier: Apache-2.0
#include "commands.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "monitor_data.hpp"

namespace gasm {

int run_data_monitor(Arguments const& arguments) {
  MonitorWords words;
  auto& limits = words.limits;
  CommandLine line(
      {.name = "data monitor",
       .purpose =
           "Compares data with what they were, and raises alerts: clips that\n"
           "cannot be used, files that changed, shares of the classes,\n"
           "brightness, motion. Compares two manifests, two statistics, or "
           "the\n"
           "last batches of a run with the statistics of its store.",
       .example = "gasm data monitor --reference stats.json --run "
                  "runs/synsth-s",
       .notes = "Ends with 4 if there is an alert. A shift counts if it is "
                "above its limit\nand unlikely by chance; docs/formats.md has "
                "the rules."});
  line.require("reference", words.reference, "FILE",
               "What gasm data verify or gasm data stats wrote.");
  line.add("current", words.current, "FILE",
           "The same, later: what to judge. This or --run.");
  line.add("run", words.run, "DIR",
           "Run folder, also of a running job, to be looked at from the folder "
           "in which it was started.");
  line.add("steps", words.num_steps, "N", "Last steps of the run (50).");
  line.add("store", words.store, "FILE.h5",
           "Where data.train of the run lies now (the run's own path).");
  line.add("alerts", words.alerts, "FILE",
           "Append alerts there too (with --run: its alerts.jsonl).");
  line.add("max-bad-rise", limits.max_bad_rise, "X",
           "Rise of the share of bad clips (0.001).");
  line.add("max-changed", limits.max_changed, "X",
           "Share of files that changed or are gone (0).");
  line.add("max-class-distance", limits.max_class_distance, "X",
           "Total variation distance of the classes (0.05).");
  line.add("max-shift", limits.max_shift, "X",
           "Relative shift of mean brightness or motion (0.1).");
  line.add("significance", limits.significance, "P",
           "Probability by chance, above which nothing counts (0.001).");
  add_watchdog_option(line, words.watchdog_s);
  if (printed_help(line, arguments)) return 0;
  return run_guarded(arguments.argc, arguments.argv,
                     [&](Communicator const& world) {
                       line.parse(arguments.words);
                       return monitor_data(world, words);
                     });
}

}  // namespace gasm
