// SPDX-License-Identifier: Apache-2.0
#include "ckpt_text.hpp"
#include "commands.hpp"
#include "gasm/comm/run_guarded.hpp"

namespace gasm {
namespace {

ExitCode list(std::vector<std::string> const& folders, bool as_json) {
  for (auto const& folder : folders) {
    auto place = value_or_throw(find_checkpoints(folder));
    if (place.kind != CheckpointPlace::Kind::folder)
      throw usage_error(
          "{} is one checkpoint, or a file. Try gasm ckpt info {}", folder,
          folder);
    auto const listing = value_or_throw(list_checkpoints(place.path));
    print(as_json ? ckpt_listing_json(listing) : ckpt_listing_text(listing));
  }
  return ExitCode::done;
}

}  // namespace

int run_ckpt_ls(Arguments const& arguments) {
  std::vector<std::string> folders;
  bool as_json = false;
  CommandLine line(
      {.name = "ckpt ls",
       .purpose =
           "Lists the checkpoints of runs: step, epoch, score, size, age, by "
           "how many ranks,\nwhether manifest and files look right, and which "
           "are latest and best.",
       .example = "gasm ckpt ls runs/ssv2-first",
       .notes = "complete: every file is there in its size. Checksums are not "
                "looked at:\ngasm ckpt verify reads all. A run resumes from "
                "the highest step that is good."});
  line.flag("json", as_json, "Print one line of JSON for each folder.");
  line.add_folders(folders, "Run folder, or its checkpoints.", 1);
  if (printed_help(line, arguments)) return 0;
  return run_guarded_serial([&] {
    line.parse(arguments.words);
    return list(folders, as_json);
  });
}

}  // namespace gasm
