// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "commands.hpp"
#include "gasm/ckpt/weights.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/models/weight_names.hpp"
#include "output_file.hpp"
#include "publish_tensors.hpp"

namespace gasm {
namespace {

struct ConvertWords {
  std::string kind;
  std::string weights;
  std::string output;
};

BackboneKind kind_of(std::string const& word) {
  std::string known;
  for (auto const& choice : choices(BackboneKind{})) {
    if (choice.word == word) return choice.value;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", choice.word);
  }
  throw usage_error("--kind: there is no backbone '{}'. Try one of {}", word,
                    known);
}

ExitCode convert(ConvertWords const& words) {
  auto const kind = kind_of(words.kind);
  check_output("--output", words.output);
  refuse_same_file("--output", words.output, {words.weights});
  auto const file = value_or_throw(read_weights(words.weights));
  auto weights =
      rename_weights(kind, file.tensors, words.weights, file.metadata);
  check_finite(weights.tensors, words.weights);
  auto text = fmt::format("{}: {} tensors of {}, {} left out", words.output,
                          weights.tensors.size(), weights.naming,
                          weights.left_out.size());
  for (auto const& name : weights.left_out) text += "\n  left out: " + name;
  publish_tensors(words.output, {std::move(weights.tensors),
                                 {{"gasm.kind", words.kind},
                                  {kOriginKey, to_word(weights.origin)}}});
  print(text);
  return ExitCode::done;
}

}  // namespace

int run_weights_convert(Arguments const& arguments) {
  ConvertWords words;
  CommandLine line(
      {.name = "weights convert",
       .purpose =
           "Writes a backbone's published weights as safetensors, under the "
           "names that this\nprogram's backbone has. Training and forward read "
           "the published file as well;\nthe converted one is read faster, and "
           "is no pickle. Values are not changed.",
       .example = "gasm weights convert --kind dinov3 --weights "
                  "dinov3_vitb16.pth --output dinov3-vitb16.safetensors",
       .notes =
           "Parts that are no backbone (heads, text towers, decoders) are "
           "left out and\nlisted. The origin is kept, since rotary periods "
           "and resampling follow it."});
  line.require("kind", words.kind, "KIND",
               "dinov3, dinov2, clip, videomae, vjepa2, i3d_r50 or "
               "timesformer.");
  line.require("weights", words.weights, "FILE",
               "safetensors, their sharded index, or a file of torch.save.");
  line.require("output", words.output, "FILE", "safetensors to write.");
  if (printed_help(line, arguments)) return 0;
  return run_guarded_serial([&] {
    line.parse(arguments.words);
    return convert(words);
  });
}

}  // namespace gasm
