// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "commands.hpp"
#include "extract_words.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/comm/stop_flag.hpp"
#include "gasm/extract/join_features.hpp"
#include "output_file.hpp"
#include "shared_work.hpp"

namespace gasm {
namespace {

struct JoinWords {
  std::string semantic;
  std::string motion;
  std::string output;
  bool restart = false;
  double watchdog_s = default_watchdog_s;
};

ExitCode join(Communicator const& world, JoinWords const& words) {
  agree_call(world, [&] {
    if (!world.is_root()) return;
    check_output("--output", words.output);
    refuse_same_file("--output", words.output, {words.semantic, words.motion});
  });
  StopFlag const stop;
  SharedWork work(world, "join", "batches", words.watchdog_s);
  JoinOptions options;
  options.semantic = words.semantic;
  options.motion = words.motion;
  options.output = words.output;
  options.unfinished =
      words.restart ? UnfinishedUse::start_anew : UnfinishedUse::go_on;
  options.on_unit = [&](auto done, auto total) { work.update(done, total); };
  options.should_stop = [&] { return stop.requested(); };
  auto const summary = join_features(world, options);
  if (world.is_root()) print(join_text(summary, words.output));
  return summary.is_complete ? ExitCode::done : ExitCode::requeue;
}

}  // namespace

int run_data_join(Arguments const& arguments) {
  JoinWords words;
  CommandLine line(
      {.name = "data join",
       .purpose =
           "Joins the semantic stream of one features.h5 and the motion stream "
           "of another\ninto one file. Both must hold the same clips; the "
           "videos may differ: each\nbackbone then sees its own (masks, or "
           "frames in another order), or is paired\nwith another one without "
           "extracting anew. Goes on as gasm extract does.",
       .example = "mpirun -n 2 gasm data join --semantic "
                  "data/frames.features.h5 --motion data/masks.features.h5 "
                  "--output data/split.features.h5"});
  line.require("semantic", words.semantic, "FILE.h5",
               "File of gasm extract, for its semantic stream.");
  line.require("motion", words.motion, "FILE.h5",
               "File of gasm extract, for its motion stream.");
  line.require("output", words.output, "FILE.h5", "Features to write.");
  line.flag("restart", words.restart,
            "Give up what an earlier job has done, and a finished file.");
  add_watchdog_option(line, words.watchdog_s);
  if (printed_help(line, arguments)) return 0;
  return run_guarded(arguments.argc, arguments.argv,
                     [&](Communicator const& world) {
                       line.parse(arguments.words);
                       return join(world, words);
                     });
}

}  // namespace gasm
