// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "commands.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/record/run_status.hpp"
#include "runs_text.hpp"

namespace gasm {
namespace {

struct RunsWords {
  std::vector<std::string> folders;
  bool as_json = false;
};

/// Those that need somebody first, then those under way, then the rest; the
/// one with the last sign of life first among equals.
int order_of(RunCondition condition) {
  switch (condition) {
    case RunCondition::damaged:
    case RunCondition::dead:
    case RunCondition::failed:
      return 0;
    case RunCondition::starting:
    case RunCondition::running:
      return 1;
    case RunCondition::stopped:
    case RunCondition::done:
      return 2;
  }
  return 3;
}

std::vector<RunStatus> collect(std::vector<std::string> folders) {
  if (folders.empty()) folders = {"runs"};
  std::vector<RunStatus> found;
  for (auto const& folder : folders)
    for (auto const& path : value_or_throw(find_run_folders(folder)))
      found.push_back(read_run_status(path));
  std::stable_sort(
      found.begin(), found.end(), [](auto const& a, auto const& b) {
        auto const first = order_of(a.condition);
        auto const second = order_of(b.condition);
        return first != second ? first < second : a.age_s < b.age_s;
      });
  return found;
}

}  // namespace

int run_runs(Arguments const& arguments) {
  RunsWords words;
  CommandLine line(
      {.name = "runs",
       .purpose =
           "Lists run folders and how they stand: first those that need "
           "somebody (damaged,\ndead, failed), then those under way, then the "
           "others, each by age. dead is a run\nthat says it is running while "
           "nobody holds its lock.",
       .example = "gasm runs runs",
       .notes = "age is the time since the last sign of life. Folders that "
                "cannot be\nread are listed."});
  line.flag("json", words.as_json, "Print a JSON array.");
  line.add_folders(words.folders,
                   "Folder of run folders, or a run folder (runs).", 0);
  if (printed_help(line, arguments)) return 0;
  return run_guarded_serial([&] {
    line.parse(arguments.words);
    auto const runs = collect(words.folders);
    print(words.as_json ? runs_json(runs) : runs_table(runs));
    return ExitCode::done;
  });
}

}  // namespace gasm
