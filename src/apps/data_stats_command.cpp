// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>

#include "commands.hpp"
#include "gasm/base/file.hpp"
#include "gasm/care/data_stats.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "output_file.hpp"
#include "shared_work.hpp"

namespace gasm {
namespace {

struct StatsWords {
  std::vector<std::string> stores;
  std::string json;
  std::string page;
  std::optional<std::int64_t> sample;
  int num_frames = 16;
  double watchdog_s = default_watchdog_s;
};

void check_words(StatsWords const& words) {
  if (words.json.empty() && words.page.empty())
    throw usage_error("gasm data stats writes nothing. Try --json or --html");
  if (words.sample.value_or(1) < 1)
    throw usage_error("--sample {} (must be at least 1)", *words.sample);
}

void check_outputs(StatsWords const& words) {
  std::vector<std::filesystem::path> const stores(words.stores.begin(),
                                                  words.stores.end());
  for (auto const& [option, path] :
       {std::pair{"--json", words.json}, std::pair{"--html", words.page}}) {
    if (path.empty()) continue;
    check_output(option, path);
    refuse_same_file(option, path, stores);
  }
}

std::string summary(DataStats const& stats) {
  std::string text;
  for (auto const& split : stats.splits)
    text += fmt::format(
        "{}: {} clips, {} measured, {} failed; median {:.0f} frames, {:.2f} s; "
        "brightness {:.1f}, motion {:.2f}\n",
        split.split, split.num_clips, split.num_measured, split.errors.size(),
        split.frames.median, split.seconds.median, split.brightness.mean,
        split.motion.mean);
  return text + fmt::format("{} groups of clips with equal bytes",
                            stats.duplicates.size());
}

ExitCode collect(Communicator const& world, StatsWords const& words) {
  check_words(words);
  SharedWork work(world, "stats", "clips", words.watchdog_s);
  agree_call(world, [&] {
    if (world.is_root()) check_outputs(words);
  });
  std::vector<std::filesystem::path> const stores(words.stores.begin(),
                                                  words.stores.end());
  StatsOptions options;
  options.sample = words.sample;
  options.measure.num_frames = words.num_frames;
  options.measure.on_progress = [&](auto done, auto total) {
    work.update(done, total);
  };
  auto const stats = collect_stats(world, stores, options);
  agree_call(world, [&] {
    if (!world.is_root()) return;
    if (!words.json.empty())
      value_or_throw(publish_file(words.json, stats_json(stats)));
    if (!words.page.empty())
      value_or_throw(publish_file(words.page, stats_page(stats)));
    print(summary(stats));
  });
  return ExitCode::done;
}

}  // namespace

int run_data_stats(Arguments const& arguments) {
  StatsWords words;
  CommandLine line(
      {.name = "data stats",
       .purpose =
           "Sums up clip stores: class balance, lengths, sizes, frame rates,\n"
           "codecs, brightness, motion, clips with equal bytes. Ranks share "
           "the\ndecoding; the result does not depend on their number.",
       .example = "mpirun -n 2 gasm data stats --json stats.json --html "
                  "stats.html\n    data/synsth-s/train.h5"});
  line.add("json", words.json, "OUT.json", "Write all figures there.");
  line.add("html", words.page, "OUT.html",
           "Write a page of tables and pictures there.");
  line.add("sample", words.sample, "N",
           "Decode only N clips of each store, always the same ones (all).");
  line.add("frames", words.num_frames, "N",
           "Frames to look at in each clip (16).");
  add_watchdog_option(line, words.watchdog_s);
  line.add_files(words.stores, "Clip stores (clips.h5) of one data set.");
  if (printed_help(line, arguments)) return 0;
  return run_guarded(arguments.argc, arguments.argv,
                     [&](Communicator const& world) {
                       line.parse(arguments.words);
                       return collect(world, words);
                     });
}

}  // namespace gasm
