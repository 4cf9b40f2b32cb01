// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/forward.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <regex>

#include "commands.hpp"
#include "gasm/base/file.hpp"
#include "gasm/ckpt/weights.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/config/load.hpp"
#include "gasm/models/run_backbone.hpp"
#include "output_file.hpp"
#include "publish_tensors.hpp"

namespace gasm {
namespace {

struct ForwardPaths {
  std::string config;
  std::string weights;
  std::string inputs;
  std::string output;
  std::vector<std::string> overrides;
};

/// Is it the flat description of a fusion model (fusion_spec.hpp): it has a
/// key, in JSON or YAML, that the nested model configuration does not know.
bool is_fusion_spec(std::string const& text) {
  static std::regex const flat_key(
      "(^|[\\n{,])[ \\t\\r\\n]*\"?(semantic_dim|motion_dim|semantic_frames|"
      "motion_segments|fusion_layers|fusion_dim|fusion_heads|clip_frames|"
      "graph_layers)\"?[ \\t]*:");
  return std::regex_search(text, flat_key);
}

TensorMap run_model(ForwardPaths const& paths) {
  auto const text = read_text(paths.config);
  if (!text)
    throw usage_error("{}. Try an existing file after --config",
                      text.error().what());
  auto const file = value_or_throw(read_weights(paths.weights));
  auto const inputs = value_or_throw(read_safetensors(paths.inputs)).tensors;
  if (auto const backbone =
          parse_backbone_config(*text, paths.config, paths.overrides)) {
    auto const weights = rename_weights(backbone->kind, file.tensors,
                                        paths.weights, file.metadata);
    check_finite(weights.tensors, paths.weights);
    return run_backbone(*backbone, weights, inputs, paths.weights);
  }
  check_finite(file.tensors, paths.weights);
  if (is_fusion_spec(*text))
    return run_forward(parse_fusion_spec(*text, paths.config, paths.overrides),
                       file.tensors, inputs, paths.weights);
  return run_forward(parse_model_config(*text, paths.config, paths.overrides),
                     file.tensors, inputs, paths.weights);
}

ExitCode run(ForwardPaths const& paths) {
  check_output("--output", paths.output);
  refuse_same_file("--output", paths.output,
                   {paths.config, paths.weights, paths.inputs});
  auto outputs = run_model(paths);
  std::string text = paths.output + ":";
  for (auto const& [name, tensor] : outputs)
    text += fmt::format("\n  {:<40} {} {}", name,
                        tensor.is_floating_point() ? "fp32 " : "int64",
                        fmt::join(tensor.sizes(), "x"));
  publish_tensors(paths.output, {std::move(outputs), {}});
  print(text);
  return ExitCode::done;
}

}  // namespace

int run_forward(Arguments const& arguments) {
  ForwardPaths paths;
  CommandLine line(
      {.name = "forward",
       .purpose =
           "Runs a model on given tensors, in evaluation mode, fp32, on the "
           "CPU, and\nwrites logits, pooled features, and every edge set and "
           "attention map under\ntrace.*: how a conversion of weights is "
           "checked.",
       .example = "gasm forward --config CASE/model.json --weights "
                  "CASE/weights.safetensors --inputs CASE/inputs.safetensors "
                  "--output out.safetensors",
       .notes =
           "The configuration is that of a run (of which only `model` "
           "counts), a YAML\nfile with the section `model` alone, the flat "
           "model.json of a fusion model\nalone, known by its keys, or "
           "`model: {backbone: {kind: dinov2, preset: vitb14}}`\nfor a "
           "backbone alone: then the input is `frames` [B, 3, H, W] of "
           "an image model\nor `clip` [B, 3, T, H, W], normalised, and "
           "outputs are `cls`, `registers` and\n`patches`."});
  line.require("config", paths.config, "FILE", "Description of the model.");
  line.add_each("set", paths.overrides, "A.B=VALUE",
                "Override one key; may come many times, the last one wins.");
  line.require("weights", paths.weights, "FILE",
               "safetensors, or a .pth of torch.save.");
  line.require("inputs", paths.inputs, "FILE", "safetensors.");
  line.require("output", paths.output, "FILE", "safetensors to write.");
  if (printed_help(line, arguments)) return 0;
  return run_guarded_serial([&] {
    line.parse(arguments.words);
    return run(paths);
  });
}

}  // namespace gasm
