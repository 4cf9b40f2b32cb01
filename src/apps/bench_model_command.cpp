// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <vector>

#include "bench_model_text.hpp"
#include "commands.hpp"
#include "gasm/base/error.hpp"
#include "gasm/base/file.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/config/load.hpp"

namespace gasm {
namespace {

struct BenchModelWords {
  std::string config;
  std::vector<std::string> overrides;
  std::vector<std::string> other;  ///< what the other model has besides
  std::optional<int> batch;
  std::optional<std::string> precision;
  int num_repeats = 5;
  bool as_json = false;
};

std::vector<RunConfig> read_configs(BenchModelWords const& words) {
  std::vector<RunConfig> configs = {load_config(words.config, words.overrides)};
  if (words.other.empty()) return configs;
  auto both = words.overrides;
  both.insert(both.end(), words.other.begin(), words.other.end());
  configs.push_back(load_config(words.config, both));
  return configs;
}

/// None unless the file describes a backbone alone.
std::optional<BackboneConfig> read_backbone(BenchModelWords const& words) {
  auto const text = read_text(words.config);
  if (!text)
    throw usage_error("{}. Try an existing file after --config",
                      text.error().what());
  return parse_backbone_config(*text, words.config, words.overrides);
}

std::string measure_backbone(BackboneConfig const& config,
                             BenchModelWords const& words) {
  if (!words.other.empty())
    throw usage_error("--against is for runs, and {} is a backbone alone",
                      words.config);
  auto const cost = bench_backbone(
      config, {.num_inputs = checked_count("--batch", words.batch.value_or(1)),
               .precision = precision_of(words.precision.value_or("fp32")),
               .num_repeats = words.num_repeats});
  return words.as_json ? to_json(cost) : to_text(cost);
}

std::string measure_models(BenchModelWords const& words) {
  if (words.batch || words.precision)
    throw usage_error(
        "--batch and --precision are for a backbone alone. Try --set "
        "train.micro_batch=N, --set train.precision=bf16");
  auto const costs = bench_models(read_configs(words), words.num_repeats);
  std::string text;
  for (auto const& cost : costs) {
    if (!text.empty()) text += words.as_json ? "\n" : "\n\n";
    text += words.as_json ? to_json(cost) : to_text(cost);
  }
  if (costs.size() == 2 && !words.as_json)
    text += "\n\n" + compared(costs[0], costs[1]);
  return text;
}

ExitCode run(BenchModelWords const& words) {
  checked_count("--repeat", words.num_repeats);
  auto const backbone = read_backbone(words);
  print(backbone ? measure_backbone(*backbone, words) : measure_models(words));
  return ExitCode::done;
}

}  // namespace

int run_bench_model(Arguments const& arguments) {
  BenchModelWords words;
  CommandLine line(
      {.name = "bench model",
       .purpose =
           "Measures what a configuration's model costs: parameters, work "
           "traced while\nit runs, the time of a forward pass and of a "
           "training step, and the memory\nof a step, on random numbers.",
       .example = "gasm bench model --config configs/gasm-cast.yaml "
                  "--set data.source=features "
                  "--against model.fusion.kind=cross",
       .notes = "Two models take turns, so that a noisy machine is as noisy "
                "for both."});
  line.require("config", words.config, "FILE",
               "That of a run, or `model: {backbone: ...}` as gasm forward "
               "takes it.");
  line.add_each("set", words.overrides, "A.B=VALUE",
                "Override one key; may come many times, the last one wins.");
  line.add_each("against", words.other, "A.B=VALUE",
                "Also measure the model with this key; may come many times.");
  line.add("batch", words.batch, "N", "Inputs of a backbone alone (1).");
  line.add("precision", words.precision, "WORD",
           "Of a backbone alone: fp32, bf16 or fp16 (fp32).");
  line.add("repeat", words.num_repeats, "N", "Repeats; medians count (5).");
  line.flag("json", words.as_json, "One JSON object a model, a line each.");
  if (printed_help(line, arguments)) return 0;
  return run_guarded_serial([&] {
    line.parse(arguments.words);
    return run(words);
  });
}

}  // namespace gasm
