// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <vector>

#include "commands.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/record/metrics_follower.hpp"
#include "gasm/record/run_folder.hpp"
#include "other_screen.hpp"
#include "watch_frame.hpp"

namespace gasm {
namespace {

struct WatchWords {
  std::vector<std::string> folders;
  double every_s = 2;
  std::optional<int> width;
  std::optional<int> height;
  bool once = false;
};

bool is_under_way(RunCondition condition) {
  return condition == RunCondition::starting ||
         condition == RunCondition::running;
}

/// What is known of a run, and its picture.
class Watcher {
 public:
  explicit Watcher(WatchWords const& words)
      : words_(words), folder_(words.folders[0]), curve_(folder_.metrics()) {}

  bool is_under_way() const { return gasm::is_under_way(condition_); }

  std::vector<std::string> frame() {
    auto const status = read_run_status(folder_.root());
    condition_ = status.condition;
    value_or_throw(curve_.update());
    auto size = size_of_standard_output();
    size.columns = words_.width.value_or(size.columns);
    size.rows = words_.height.value_or(size.rows);
    return watch_frame({.status = status,
                        .lines = curve_.lines(),
                        .alerts = value_or_throw(read_alerts(folder_.alerts())),
                        .num_damaged = curve_.num_damaged()},
                       size, are_colours_wanted());
  }

 private:
  WatchWords const& words_;
  RunFolder folder_;
  MetricsFollower curve_;
  RunCondition condition_ = RunCondition::starting;
};

std::string joined(std::vector<std::string> const& lines) {
  std::string text;
  for (auto const& line : lines) text += line + "\n";
  return text;
}

ExitCode watch(WatchWords const& words) {
  if (words.folders.size() != 1)
    throw usage_error("gasm watch shows one run. Try gasm runs for several");
  if (words.every_s < 0.1)
    throw usage_error("--every {} (must be at least 0.1)", words.every_s);
  if (!is_run_folder(words.folders[0]))
    throw usage_error(
        "{} is no run folder (no manifest.json, metrics.jsonl or lock). Try "
        "gasm runs",
        words.folders[0]);
  Watcher watcher(words);
  auto frame = watcher.frame();
  if (!words.once && is_output_terminal()) {
    OtherScreen screen;
    screen.show(frame);
    while (watcher.is_under_way() && screen.wait(words.every_s))
      screen.show(frame = watcher.frame());
  }
  print(joined(frame));
  return ExitCode::done;
}

}  // namespace

int run_watch(Arguments const& arguments) {
  WatchWords words;
  CommandLine line(
      {.name = "watch",
       .purpose = "Shows a run: state, progress, where time goes, the curves "
                  "of loss and\ntop-1, the last alerts; again and again while "
                  "it is under way.",
       .example = "gasm watch runs/synsth-s",
       .notes = "Ctrl-C ends it, and not the run. Prints one frame where "
                "standard output is\nno terminal. NO_COLOR is respected."});
  line.add("every", words.every_s, "S", "Seconds between frames (2).");
  line.flag("once", words.once, "Print one frame.");
  line.add("width", words.width, "N", "Characters a line (the terminal's).");
  line.add("height", words.height, "N", "Lines (the terminal's).");
  line.add_folders(words.folders, "Run folder.", 1);
  if (printed_help(line, arguments)) return 0;
  return run_guarded_serial([&] {
    line.parse(arguments.words);
    return watch(words);
  });
}

}  // namespace gasm
