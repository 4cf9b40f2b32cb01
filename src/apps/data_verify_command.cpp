// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <set>

#include "commands.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/data/annotations.hpp"
#include "gasm/data/verify.hpp"
#include "output_file.hpp"
#include "shared_work.hpp"
#include "verify_summary.hpp"

namespace gasm {
namespace {

struct VerifyWords {
  std::string videos;
  std::string labels;
  std::string manifest;
  bool again = false;
  double watchdog_s = default_watchdog_s;
};

std::vector<AnnotatedSplit> load_all(std::filesystem::path const& labels) {
  std::vector<AnnotatedSplit> splits;
  for (auto const& split : value_or_throw(list_splits(labels)))
    splits.push_back(value_or_throw(load_split(labels, split)));
  return splits;
}

/// Of all splits, each once.
std::vector<std::string> ids_of(std::vector<AnnotatedSplit> const& splits) {
  std::set<std::string> ids;
  for (auto const& split : splits)
    for (auto const& record : split.records) ids.insert(record.id);
  return {ids.begin(), ids.end()};
}

VerifyReport verify_listed(Communicator const& world, VerifyWords const& words,
                           std::string const& journal, SharedWork& work) {
  agree_call(world, [&] {
    if (!world.is_root()) return;
    check_output("--manifest", words.manifest);
    refuse_same_file("--manifest", words.manifest,
                     value_or_throw(list_annotation_files(words.labels)));
  });
  auto const splits = agree_call(world, [&] { return load_all(words.labels); });
  VerifyOptions options;
  options.journal = journal;
  options.journal_use =
      words.again ? JournalUse::start_anew : JournalUse::go_on;
  options.on_progress = [&](auto done, auto total) {
    work.update(done, total);
  };
  auto report = verify_videos(world, words.videos, ids_of(splits), options);
  report.profile = profile_annotations(splits);
  return report;
}

ExitCode verify(Communicator const& world, VerifyWords const& words) {
  auto const journal = words.manifest + ".journal";
  SharedWork work(world, "verify", "videos", words.watchdog_s);
  auto const report = verify_listed(world, words, journal, work);
  write_manifest(world, report, words.manifest);
  bool const is_good = report.num_errors() == 0;
  if (is_good) remove_journal(world, journal);
  if (world.is_root())
    print(verify_summary(report) + "Manifest: " + words.manifest);
  return is_good ? ExitCode::done : ExitCode::agreed_failure;
}

}  // namespace

int run_data_verify(Arguments const& arguments) {
  VerifyWords words;
  CommandLine line(
      {.name = "data verify",
       .purpose =
           "Decodes every video that the annotations list, to its end, and\n"
           "writes what was found as JSON. Ranks share the videos. Started\n"
           "again after an interruption, or after bad videos were replaced, "
           "it\n"
           "decodes only what is not known to be good.",
       .example = "mpirun -n 2 gasm data verify --videos data/synsth-s/videos "
                  "--labels data/synsth-s/labels --manifest verify.json",
       .notes =
           "Ends with 4 if a video is bad or missing. Good videos are "
           "noted in the\nfolder OUT.json.journal, which is removed once all "
           "videos are good."});
  line.require("videos", words.videos, "PATH",
               "Folder of <id>.webm, or the file that gasm data fetch-check "
               "--extract wrote.");
  line.require("labels", words.labels, "DIR",
               "Folder of labels.json, train.json, ....");
  line.require("manifest", words.manifest, "OUT.json", "File to write.");
  line.flag("again", words.again,
            "Decode all videos, whatever an earlier run found.");
  add_watchdog_option(line, words.watchdog_s);
  if (printed_help(line, arguments)) return 0;
  return run_guarded(arguments.argc, arguments.argv,
                     [&](Communicator const& world) {
                       line.parse(arguments.words);
                       return verify(world, words);
                     });
}

}  // namespace gasm
