// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>

#include "commands.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/base/log.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/data/pack.hpp"
#include "gasm/data/webdataset.hpp"
#include "output_file.hpp"
#include "shared_work.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

struct ImportWords {
  std::vector<std::string> shards;
  std::string labels;
  std::string split;
  std::string output;
  bool allow_bad = false;
  double watchdog_s = default_watchdog_s;
};

/// Of --labels, or of the labels.json that an export left beside the shards.
std::vector<std::string> class_names(ImportWords const& words) {
  auto const beside = fs::path(words.shards.front()).parent_path();
  if (!words.labels.empty()) return value_or_throw(load_labels(words.labels));
  if (!fs::exists(beside / "labels.json")) return {};
  return value_or_throw(load_labels(beside.empty() ? "." : beside));
}

void refuse_problems(WebDataset const& set, bool allow_bad) {
  if (set.problems.empty() || allow_bad) return;
  throw AgreedError(error(
      "{} samples of the shards cannot be used, the first: {}. Try --allow-bad "
      "to pack the others",
      set.problems.size(), set.problems.front()));
}

ExitCode import_wds(Communicator const& world, ImportWords const& words) {
  SharedWork work(world, "import", "videos", words.watchdog_s);
  std::vector<fs::path> const shards(words.shards.begin(), words.shards.end());
  auto const classes = agree_call(world, [&] {
    if (world.is_root()) check_output("--output", words.output);
    refuse_same_file("--output", words.output, shards);
    return class_names(words);
  });
  auto const set = open_webdataset(world, shards, words.split, classes);
  refuse_problems(set, words.allow_bad);
  PackOptions options;
  options.bad_videos = words.allow_bad ? BadVideos::skip : BadVideos::refuse;
  options.verify.on_progress = [&](auto done, auto total) {
    work.update(done, total);
  };
  options.on_write = [&] { work.alive("write a clip"); };
  auto const summary =
      pack_clips(world, set.source, set.split, words.output, options);
  if (!world.is_root()) return ExitCode::done;
  for (auto const& problem : set.problems) log_warn("left out: {}", problem);
  for (auto const& video : summary.skipped)
    log_warn("left out: {} ({})", video.id, video.error.value_or("no reason"));
  print(fmt::format("{}: {} clips of {} classes, data hash {}, {} left out",
                    words.output, summary.num_clips, set.split.classes.size(),
                    to_hex(summary.data_hash),
                    summary.skipped.size() + set.problems.size()));
  return ExitCode::done;
}

}  // namespace

int run_data_import_wds(Arguments const& arguments) {
  ImportWords words;
  CommandLine line(
      {.name = "data import-wds",
       .purpose =
           "Packs WebDataset shards, ours or others', into one HDF5 file. A\n"
           "sample is a video and its class, from .cls or .json. Every video "
           "is\ndecoded to its end first. Ranks share the work.",
       .example = "mpirun -n 2 gasm data import-wds --split train --output "
                  "train.h5 wds/train-000000.tar wds/train-000001.tar",
       .notes = "Clips keep the order of the shards as given."});
  line.require("split", words.split, "NAME", "Name of the split: train, ....");
  line.require("output", words.output, "FILE.h5", "File to write.");
  line.add("labels", words.labels, "DIR",
           "Folder of labels.json with the class names; else the one beside "
           "the first shard; else the samples' own.");
  line.flag("allow-bad", words.allow_bad,
            "Leave out samples that cannot be used instead of packing "
            "nothing.");
  add_watchdog_option(line, words.watchdog_s);
  line.add_files(words.shards, "shards, tar files that are not compressed");
  if (printed_help(line, arguments)) return 0;
  return run_guarded(arguments.argc, arguments.argv,
                     [&](Communicator const& world) {
                       line.parse(arguments.words);
                       return import_wds(world, words);
                     });
}

}  // namespace gasm
