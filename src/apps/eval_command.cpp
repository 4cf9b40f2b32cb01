// SPDX-License-Identifier: Apache-2.0
#include "gasm/eval/evaluate.hpp"

#include "commands.hpp"
#include "eval_summary.hpp"
#include "gasm/base/file.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/store/clip_store.hpp"
#include "gasm/store/feature_store.hpp"
#include "gasm/train/train.hpp"
#include "output_file.hpp"
#include "progress.hpp"
#include "run_options.hpp"

namespace gasm {
namespace {

struct EvalWords {
  ConfigOptions config;
  std::string checkpoint;
  std::string data;
  std::string json;
};

std::vector<std::string> class_names(RunConfig const& config,
                                     std::string const& data) {
  if (config.data.source == DataSource::features)
    return value_or_throw(FeatureStore::open(data)).classes();
  return value_or_throw(ClipStore::open(data)).classes();
}

ExitCode run(Communicator const& world, EvalWords const& words) {
  auto const config = read_config(world, words.config);
  auto const data = words.data.empty() ? config.data.val : words.data;
  agree_call(world, [&] {
    if (!world.is_root() || words.json.empty()) return;
    check_output("--json", words.json);
    refuse_same_file("--json", words.json,
                     {words.config.path, words.checkpoint, data});
  });
  using enum Progress::Voice;
  Progress progress("evaluate", "micro-batches",
                    world.is_root() ? speaks : silent);
  auto const result = evaluate_run(
      world, config, words.checkpoint, words.data,
      [&](auto, auto done, auto total, auto) { progress.update(done, total); });
  progress.clear();
  agree_call(world, [&] {
    if (!world.is_root()) return;
    auto const names = class_names(config, data);
    if (!words.json.empty())
      value_or_throw(publish_file(words.json, eval_json(result, names)));
    print(eval_summary(result, data, names));
  });
  return ExitCode::done;
}

}  // namespace

int run_eval(Arguments const& arguments) {
  EvalWords words;
  CommandLine line(
      {.name = "eval",
       .purpose = "Measures a run's checkpoint on held-out clips, on all ranks;"
                  " each clip\ncounts once.",
       .example = "mpirun -n 2 gasm eval --config configs/synsth-s.yaml --data "
                  "data/synsth-s/val-shape.h5 --json val-shape.json"});
  add_config_options(line, words.config);
  line.add("checkpoint", words.checkpoint, "PATH",
           "Step folder or model.safetensors (the run's newest).");
  line.add("data", words.data, "FILE.h5",
           "Clips, or features where data.source says so (data.val).");
  line.add("json", words.json, "OUT.json", "Also write all figures there.");
  if (printed_help(line, arguments)) return 0;
  return run_guarded(arguments.argc, arguments.argv,
                     [&](Communicator const& world) {
                       line.parse(arguments.words);
                       return run(world, words);
                     });
}

}  // namespace gasm
