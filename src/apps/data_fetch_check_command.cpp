// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "commands.hpp"
#include "fetch_summary.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "lone_work.hpp"
#include "output_file.hpp"

namespace gasm {
namespace {

struct FetchWords {
  std::string parts;
  std::string labels_archive;
  std::string labels;
  std::string extract;
  std::string profile = "detect";
  double watchdog_s = default_watchdog_s;
};

FetchProfile profile_of(std::string const& word) {
  if (word == "detect") return FetchProfile::detect;
  if (word == "ssv2") return FetchProfile::ssv2;
  if (word == "any") return FetchProfile::any;
  throw usage_error("--profile is {}. Try detect, ssv2 or any", word);
}

void check_words(FetchWords const& words) {
  if (words.parts.empty() && words.labels_archive.empty())
    throw usage_error(
        "gasm data fetch-check has nothing to check. Try --parts or "
        "--labels-archive");
  if (!words.labels_archive.empty() && words.labels.empty())
    throw usage_error(
        "--labels-archive needs --labels (the folder to unpack it into)");
  if (!words.extract.empty() && words.parts.empty())
    throw usage_error("--extract needs --parts (what to extract)");
}

/// What one process does. True: nothing is wrong.
bool check(FetchWords const& words, LoneWork& work) {
  FetchOptions options;
  options.profile = profile_of(words.profile);
  options.on_progress = [&](auto done, auto total) {
    work.update_bytes(done, total);
  };
  if (!words.extract.empty()) {
    check_output("--extract", words.extract);
    options.spool = words.extract;
  }
  std::optional<LabelsReport> labels;
  if (!words.labels.empty()) {
    std::vector<std::string> others;
    if (!words.labels_archive.empty())
      others = unpack_labels(words.labels_archive, words.labels);
    labels = check_labels(words.labels, options.profile);
    for (auto const& name : others)
      labels->notes.push_back(name + " is no annotation file (not unpacked)");
    print(labels_summary(*labels, words.labels));
  }
  bool is_good = !labels || labels->problems.empty();
  if (!words.parts.empty()) {
    auto report = check_parts(words.parts, options);
    work.finish();
    if (labels) compare_with_labels(*labels, report);
    print(parts_summary(report, options.spool));
    is_good = is_good && report.problems.empty();
  }
  return is_good;
}

}  // namespace

int run_data_fetch_check(Arguments const& arguments) {
  FetchWords words;
  CommandLine line(
      {.name = "data fetch-check",
       .purpose =
           "Checks a data set as it was downloaded: the parts of one gzip\n"
           "tar of videos, and the zip archive of annotations. Says what to "
           "fetch\nagain. May copy the videos into one file, which gasm data "
           "verify and\ngasm data pack read in place of a folder.",
       .example =
           "gasm data fetch-check --parts ssv2/download --labels-archive "
           "ssv2/labels.zip --labels ssv2/labels --extract ssv2/videos.spool",
       .notes =
           "Ends with 0 if nothing is wrong, else 4. A gzip stream can be "
           "read only\nfrom front to back: under mpirun rank 0 works and the "
           "others wait.\nInterrupted, the same command goes on: videos that "
           "are extracted are\ncompared and not written again."});
  line.add("parts", words.parts, "DIR",
           "Folder of the parts, NAME-00, NAME-01, ...; or one file.");
  line.add("labels-archive", words.labels_archive, "FILE.zip",
           "Archive of labels.json, train.json, ....");
  line.add("labels", words.labels, "DIR",
           "Folder to unpack the annotations into; without an archive, the "
           "folder where they are. Their ids are compared with the videos.");
  line.add("extract", words.extract, "SPOOL",
           "File to copy the videos into; its index is SPOOL.index.");
  line.add("profile", words.profile, "NAME",
           "Whose numbers of videos and records are wanted: ssv2, any, or "
           "detect by names and classes (detect).");
  add_watchdog_option(line, words.watchdog_s);
  if (printed_help(line, arguments)) return 0;
  return run_guarded(
      arguments.argc, arguments.argv, [&](Communicator const& world) {
        line.parse(arguments.words);
        check_words(words);
        LoneWork work(world, "fetch-check", words.watchdog_s);
        bool const is_good = work.run([&] { return check(words, work); });
        return is_good ? ExitCode::done : ExitCode::agreed_failure;
      });
}

}  // namespace gasm
