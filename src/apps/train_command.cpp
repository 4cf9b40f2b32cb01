// SPDX-License-Identifier: Apache-2.0
#include "gasm/train/train.hpp"

#include <fmt/format.h>

#include <optional>

#include "commands.hpp"
#include "gasm/base/log.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/config/load.hpp"
#include "progress.hpp"
#include "run_options.hpp"

namespace gasm {
namespace {

struct TrainOptions {
  ConfigOptions config;
  bool print_config = false;
  bool dry_run = false;
  bool trace = false;
  std::optional<std::string> resume;
};

/// What --trace asks for where the configuration does not say.
constexpr int kTracedSteps = 5;

void report(RunConfig const& config, TrainOutcome const& outcome) {
  log_info("{} after step {}{}, {:.1f} s",
           outcome.code == ExitCode::done ? "done"
                                          : "stopped, start again to "
                                            "go on,",
           outcome.step,
           outcome.best_top1 ? fmt::format(": best top-1 {:.2f} %",
                                           100.0 * *outcome.best_top1)
                             : "",
           outcome.train_s);
  print(fmt::format("Run folder: {}/{}", config.run.dir, config.run.name));
}

ExitCode run(Communicator const& world, TrainOptions const& options,
             std::vector<std::string> const& argv) {
  if (options.resume && options.resume->empty())
    throw usage_error("--resume is empty. Try auto, never, must or a path");
  auto config = read_config(world, options.config);
  if (options.trace && config.log.trace_steps == 0)
    config.log.trace_steps = kTracedSteps;
  if (options.resume) config.checkpoint.resume = *options.resume;
  if (options.print_config) {
    if (world.is_root()) print(to_yaml(config));
    return ExitCode::done;
  }
  validate_for_training(config, options.config.path);
  if (options.dry_run) {
    auto const text = describe_run(world, config);
    if (world.is_root()) print(text);
    return ExitCode::done;
  }
  // The curve is lines of its own; between them a terminal shows how far it is.
  auto const voice = world.is_root() ? Progress::Voice::speaks_on_terminal
                                     : Progress::Voice::silent;
  Progress training("train", "steps", voice);
  Progress validation("validate", "micro-batches", voice);
  auto const outcome = train(
      world, config, argv, [&](auto what, auto done, auto total, auto detail) {
        (what == "train" ? training : validation).update(done, total, detail);
      });
  training.clear();
  validation.clear();
  if (world.is_root()) report(config, outcome);
  return outcome.code;
}

}  // namespace

int run_train(Arguments const& arguments) {
  TrainOptions options;
  CommandLine line(
      {.name = "train",
       .purpose =
           "Trains the model that a configuration describes, on all ranks, "
           "from the\nnewest checkpoint of its run folder if there is one.",
       .example = "mpirun -n 2 gasm train --config configs/synsth-s.yaml "
                  "--set run.seed=1 --set optim.lr=0.002",
       .notes = "SIGUSR1, SIGINT and SIGTERM end it at a step border with a "
                "checkpoint\nand exit code 85. docs/configuration.md lists "
                "every key."});
  add_config_options(line, options.config);
  line.add("resume", options.resume, "WHAT",
           "auto, never, must, or the path of a checkpoint, of a folder of "
           "checkpoints or of a run to begin with (checkpoint.resume).");
  line.flag("print-config", options.print_config,
            "Print the resolved configuration, train nothing.");
  line.flag("dry-run", options.dry_run,
            "Print what the run would do, write nothing.");
  line.flag("trace", options.trace,
            "Write what each rank did in five steps (log.trace_steps) to "
            "trace.json in the run folder, a Chrome trace.");
  if (printed_help(line, arguments)) return 0;
  return run_guarded(arguments.argc, arguments.argv,
                     [&](Communicator const& world) {
                       line.parse(arguments.words);
                       return run(world, options, arguments.all());
                     });
}

}  // namespace gasm
