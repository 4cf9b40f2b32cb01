// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <string>
#include <vector>

#include "commands.hpp"
#include "gasm/base/error.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/comm/watchdog.hpp"
#include "gasm/config/load.hpp"
#include "gasm/train/bench_train.hpp"

namespace gasm {
namespace {

struct BenchTrainWords {
  std::string config;
  std::vector<std::string> overrides;
  bool is_random = false;
  BenchTrainOptions options;
  bool as_json = false;
};

std::string to_json(BenchTrainResult const& r) {
  return fmt::format(
      R"({{"samples_per_s":{:.3f},"step_ms":{:.3f},"forward_ms":{:.3f},)"
      R"("backward_ms":{:.3f},"wait_ms":{:.3f},"optimizer_ms":{:.3f},)"
      R"("comm_ms":{:.3f},"comm_hidden":{:.4f},"parameters":{},"ranks":{},)"
      R"("batch":{},"device":"{}","gflop_a_sample":{:.4f},"mfu":{}}})",
      r.samples_per_s, 1e3 * r.step_s, 1e3 * r.forward_s, 1e3 * r.backward_s,
      1e3 * r.wait_s, 1e3 * r.optimizer_s, 1e3 * r.comm_s, r.comm_hidden,
      r.num_parameters, r.num_ranks, r.batch, r.device, 1e-9 * r.flops_a_sample,
      r.mfu ? fmt::format("{:.4f}", *r.mfu) : "null");
}

std::string device_words(BenchTrainResult const& r) {
  return fmt::format(
      "{:.2f} samples/s on {} ranks with a GPU each, {} a rank, {} parameters "
      "that learn\nstep       {:.3f} ms{}",
      r.samples_per_s, r.num_ranks, r.batch, r.num_parameters, 1e3 * r.step_s,
      r.mfu ? fmt::format("\nMFU        {:.1f} %", 1e2 * *r.mfu) : "");
}

std::string to_text(BenchTrainResult const& r) {
  if (r.device != "cpu") return device_words(r);
  return fmt::format(
      "{:.2f} samples/s on {} ranks, {} a rank, {} parameters that learn\n"
      "step       {:.1f} ms\n"
      "forward    {:.1f} ms\n"
      "backward   {:.1f} ms\n"
      "wait       {:.1f} ms for the end of the exchange\n"
      "optimiser  {:.1f} ms\n"
      "Gradients were exchanged for {:.1f} ms, {:.0f} % of them during "
      "backward.",
      r.samples_per_s, r.num_ranks, r.batch, r.num_parameters, 1e3 * r.step_s,
      1e3 * r.forward_s, 1e3 * r.backward_s, 1e3 * r.wait_s,
      1e3 * r.optimizer_s, 1e3 * r.comm_s, 1e2 * r.comm_hidden);
}

ExitCode run(Communicator const& world, BenchTrainWords words) {
  if (!words.is_random)
    throw usage_error(
        "gasm bench train measures the step alone. Try --random-features; gasm "
        "bench store measures reading");
  auto const config = load_config(words.config, words.overrides);
  Watchdog watchdog({.rank = world.rank(), .num_ranks = world.size()});
  Phase const phase(watchdog, "bench train", config.train.watchdog_s);
  words.options.on_progress = [&](auto const& doing) {
    watchdog.progress(doing);
  };
  auto const result = bench_train(world, config, words.options);
  if (world.is_root()) print(words.as_json ? to_json(result) : to_text(result));
  return ExitCode::done;
}

}  // namespace

int run_bench_train(Arguments const& arguments) {
  BenchTrainWords words;
  CommandLine line(
      {.name = "bench train",
       .purpose =
           "Measures training steps of a configuration's model on random "
           "features that\nevery rank holds: forward, backward, exchange of "
           "gradients and optimiser, as\ngasm train runs them. Times are "
           "medians over the steps, of the slowest rank.",
       .example = "mpirun -n 2 gasm bench train --config "
                  "configs/gasm-cast.yaml --random-features --json"});
  line.require("config", words.config, "FILE", "That of a run on features.");
  line.add_each("set", words.overrides, "A.B=VALUE",
                "Override one key; may come many times, the last one wins.");
  line.flag("random-features", words.is_random,
            "Train on random numbers. Required.");
  line.add("batch", words.options.batch, "B", "Clips a rank and step (16).");
  line.add("steps", words.options.num_steps, "S", "Steps that count (20).");
  line.add("warm-up", words.options.warm_up, "N", "Steps before them (3).");
  line.flag("json", words.as_json, "One line of JSON.");
  if (printed_help(line, arguments)) return 0;
  return run_guarded(arguments.argc, arguments.argv,
                     [&](Communicator const& world) {
                       line.parse(arguments.words);
                       return run(world, words);
                     });
}

}  // namespace gasm
