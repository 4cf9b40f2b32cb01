// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "commands.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/base/log.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/data/pack.hpp"
#include "output_file.hpp"
#include "shared_work.hpp"

namespace gasm {
namespace {

struct PackWords {
  std::string videos;
  std::string labels;
  std::string split;
  std::string output;
  bool allow_bad = false;
  double watchdog_s = default_watchdog_s;
};

PackSummary pack(Communicator const& world, PackWords const& words) {
  SharedWork work(world, "pack", "videos", words.watchdog_s);
  agree_call(world, [&] {
    if (!world.is_root()) return;
    check_output("--output", words.output);
    refuse_same_file("--output", words.output,
                     value_or_throw(list_annotation_files(words.labels)));
  });
  auto const split = agree(world, load_split(words.labels, words.split));
  PackOptions options;
  options.bad_videos = words.allow_bad ? BadVideos::skip : BadVideos::refuse;
  options.verify.on_progress = [&](auto done, auto total) {
    work.update(done, total);
  };
  options.on_write = [&] { work.alive("write a clip"); };
  return pack_clips(world, words.videos, split, words.output, options);
}

ExitCode pack_and_report(Communicator const& world, PackWords const& words) {
  auto const summary = pack(world, words);
  if (!world.is_root()) return ExitCode::done;
  for (auto const& video : summary.skipped)
    log_warn("left out: {} ({})", video.id, video.error.value_or("no reason"));
  print(fmt::format("{}: {} clips, {:.1f} MB, data hash {}, {} left out",
                    words.output, summary.num_clips,
                    static_cast<double>(summary.total_bytes) / 1e6,
                    to_hex(summary.data_hash), summary.skipped.size()));
  return ExitCode::done;
}

}  // namespace

int run_data_pack(Arguments const& arguments) {
  PackWords words;
  CommandLine line(
      {.name = "data pack",
       .purpose =
           "Packs the videos of one split into one HDF5 file, written by all\n"
           "ranks. Every video is decoded to its end first; every byte "
           "written is\nread back and checked.",
       .example = "mpirun -n 2 gasm data pack --videos data/synsth-s/videos "
                  "--labels data/synsth-s/labels --split train --output "
                  "data/synsth-s/train.h5"});
  line.require("videos", words.videos, "PATH",
               "Folder of <id>.webm, or the file that gasm data fetch-check "
               "--extract wrote.");
  line.require("labels", words.labels, "DIR",
               "Folder of labels.json, train.json, ....");
  line.require("split", words.split, "NAME",
               "train, validation, validation-shape, test, ...: NAME.json in "
               "the folder of labels.");
  line.require("output", words.output, "FILE.h5", "File to write.");
  line.flag("allow-bad", words.allow_bad,
            "Leave bad videos out instead of packing nothing.");
  add_watchdog_option(line, words.watchdog_s);
  if (printed_help(line, arguments)) return 0;
  return run_guarded(arguments.argc, arguments.argv,
                     [&](Communicator const& world) {
                       line.parse(arguments.words);
                       return pack_and_report(world, words);
                     });
}

}  // namespace gasm
