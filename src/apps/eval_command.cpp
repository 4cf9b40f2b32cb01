// SPDX-License-Identifier: Apache-2.0
#include "gasm/eval/evaluate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "commands.hpp"
#include "gasm/base/file.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/store/clip_store.hpp"
#include "gasm/train/train.hpp"
#include "output_file.hpp"
#include "progress.hpp"
#include "run_options.hpp"

namespace gasm {
namespace {

constexpr std::size_t kMaxNamed = 5;

struct EvalWords {
  ConfigOptions config;
  std::string checkpoint;
  std::string data;
  std::string json;
};

double class_top1(ClassResult const& result) {
  return static_cast<double>(result.num_top1) /
         static_cast<double>(result.num_clips);
}

/// The classes with the lowest top-1, worst first.
std::string worst_classes(EvalResult const& result,
                          std::vector<std::string> const& names) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < result.classes.size(); ++i)
    if (result.classes[i].num_clips > 0) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    return class_top1(result.classes[a]) < class_top1(result.classes[b]);
  });
  auto text = fmt::format("Classes: {} with clips, mean top-1 {:.2f} %\n",
                          order.size(), 100.0 * result.mean_class_top1);
  for (std::size_t i = 0; i < order.size() && i < kMaxNamed; ++i) {
    auto const& hits = result.classes[order[i]];
    text += fmt::format(
        "  {:6.2f} % of {:>5}  {}\n", 100.0 * class_top1(hits), hits.num_clips,
        order[i] < names.size() ? names[order[i]] : std::to_string(order[i]));
  }
  if (order.size() > kMaxNamed)
    text += fmt::format("  (the lowest {}; --json has all)\n", kMaxNamed);
  return text;
}

std::string summary(EvalResult const& result, std::string const& data,
                    std::vector<std::string> const& names) {
  auto const share = [&](double p) {
    auto const interval = wilson_interval(p, result.num_clips);
    return fmt::format("{:.2f} % [{:.2f}, {:.2f}]", 100.0 * p,
                       100.0 * interval.low, 100.0 * interval.high);
  };
  return fmt::format(
      "{}: {} clips, {} could not be decoded\n"
      "top-1 {}   top-5 {}   (99 % intervals)\n"
      "loss {:.9g}\n{}",
      data, result.num_clips, result.num_bad, share(result.top1),
      share(result.top5), result.loss, worst_classes(result, names));
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
  Progress progress(
      "evaluate", "micro-batches",
      world.is_root() ? Progress::Voice::speaks : Progress::Voice::silent);
  auto const result = evaluate_run(
      world, config, words.checkpoint, words.data,
      [&](auto, auto done, auto total) { progress.update(done, total); });
  progress.clear();
  agree_call(world, [&] {
    if (!world.is_root()) return;
    auto const names = value_or_throw(ClipStore::open(data)).classes();
    if (!words.json.empty())
      value_or_throw(publish_file(words.json, eval_json(result, names)));
    print(summary(result, data, names));
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
  line.add("data", words.data, "FILE.h5", "Clip store (data.val).");
  line.add("json", words.json, "OUT.json", "Also write all figures there.");
  if (printed_help(line, arguments)) return 0;
  return run_guarded(arguments.argc, arguments.argv,
                     [&](Communicator const& world) {
                       line.parse(arguments.words);
                       return run(world, words);
                     });
}

}  // namespace gasm
