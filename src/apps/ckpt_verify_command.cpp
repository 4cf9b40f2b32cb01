// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "ckpt_text.hpp"
#include "commands.hpp"
#include "gasm/comm/run_guarded.hpp"

namespace gasm {
namespace {

ExitCode verify(std::vector<std::string> const& paths, bool as_json) {
  std::vector<CheckpointVerdict> all;
  bool is_good = true;
  for (auto const& path : paths) {
    auto const verdicts =
        verify_checkpoints(value_or_throw(find_checkpoints(path)));
    is_good &= std::all_of(verdicts.begin(), verdicts.end(),
                           [](auto const& one) { return one.is_good(); });
    // Each as soon as it is known: reading may take long.
    if (!as_json) print(ckpt_verdicts_text(verdicts));
    all.insert(all.end(), verdicts.begin(), verdicts.end());
  }
  if (as_json) print(ckpt_verdicts_json(all));
  return is_good ? ExitCode::done : ExitCode::agreed_failure;
}

}  // namespace

int run_ckpt_verify(Arguments const& arguments) {
  std::vector<std::string> paths;
  bool as_json = false;
  CommandLine line(
      {.name = "ckpt verify",
       .purpose =
           "Reads checkpoints whole and says of each file what is wrong: "
           "manifest, sizes,\nchecksums, headers, shards that are missing, "
           "indices, slices that do not cover\ntheir tensors once, links that "
           "lead nowhere.",
       .example = "gasm ckpt verify runs/ssv2-first",
       .notes = "Ends with 4 if anything is bad. A bad checkpoint is passed "
                "over at the next\nstart, and may be removed by hand."});
  line.flag("json", as_json, "Print one line of JSON.");
  line.add_paths(paths,
                 "Run folder (all of its checkpoints), step folder, file of "
                 "weights.");
  if (printed_help(line, arguments)) return 0;
  return run_guarded_serial([&] {
    line.parse(arguments.words);
    return verify(paths, as_json);
  });
}

}  // namespace gasm
