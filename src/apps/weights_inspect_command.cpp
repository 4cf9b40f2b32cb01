// SPDX-License-Identifier: Apache-2.0
#include "commands.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "weights_text.hpp"

namespace gasm {
namespace {

struct InspectWeightsWords {
  std::vector<std::string> files;
  bool as_json = false;
  bool with_stats = false;
};

ExitCode inspect(InspectWeightsWords const& words) {
  if (words.files.size() != 1)
    throw usage_error("gasm weights inspect takes one file, not {}",
                      words.files.size());
  auto const& path = words.files.front();
  WeightsView const view{path, value_or_throw(find_weights_format(path)),
                         value_or_throw(read_weights(path)), words.with_stats};
  print(words.as_json ? weights_json(view) : weights_text(view));
  return ExitCode::done;
}

}  // namespace

int run_weights_inspect(Arguments const& arguments) {
  InspectWeightsWords words;
  CommandLine line(
      {.name = "weights inspect",
       .purpose =
           "Shows what a file of weights holds: format, metadata, and every "
           "tensor with\nits type and shape. Reads the whole file and executes "
           "nothing of it.",
       .example = "gasm weights inspect --stats weights/I3D_8x8_R50.pyth",
       .notes = "Reads safetensors, their sharded index, and the zip archives "
                "of torch.save\nand torch.jit.save, known by content."});
  line.flag("json", words.as_json, "Print one JSON object.");
  line.flag("stats", words.with_stats,
            "Mean, standard deviation, least and largest of each tensor's "
            "finite values; number of NaN and infinite ones.");
  line.add_files(words.files, "The file.");
  if (printed_help(line, arguments)) return 0;
  return run_guarded_serial([&] {
    line.parse(arguments.words);
    return inspect(words);
  });
}

}  // namespace gasm
