// SPDX-License-Identifier: Apache-2.0
#include "gasm/extract/extract.hpp"

#include <string>

#include "commands.hpp"
#include "extract_words.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/comm/stop_flag.hpp"
#include "gasm/extract/check_features.hpp"
#include "output_file.hpp"
#include "shared_work.hpp"

namespace gasm {
namespace {

ExitCode extract(Communicator const& world, RunConfig const& config,
                 ExtractWords const& words) {
  auto options = extract_options(words);
  agree_call(world, [&] {
    if (!world.is_root()) return;
    check_output("--output", words.output);
    refuse_same_file("--output", words.output,
                     {words.clips, words.config.path});
  });
  StopFlag const stop;
  SharedWork work(world, "extract", "batches", words.watchdog_s);
  options.on_unit = [&](auto done, auto total) { work.update(done, total); };
  options.on_batch = [&] { work.alive("a batch went through the backbones"); };
  options.should_stop = [&] { return stop.requested(); };
  auto const summary = extract_features(world, config, options);
  if (world.is_root()) print(extract_text(summary, words.output));
  return summary.is_complete ? ExitCode::done : ExitCode::requeue;
}

ExitCode check(Communicator const& world, RunConfig const& config,
               ExtractWords const& words) {
  check_tolerance(words);
  SharedWork work(world, "check", "batches", words.watchdog_s);
  auto const found = check_features(
      world, config,
      {.clips = words.clips,
       .features = words.output,
       .num_clips = *words.check,
       .on_unit = [&](auto done, auto total) { work.update(done, total); },
       .on_batch = [&] { work.alive("a batch went through the backbones"); }});
  if (world.is_root()) print(check_text(found, words.output));
  if (found.worst <= words.tolerance) return ExitCode::done;
  throw AgreedError(error(
      "the features of clip '{}' in {} are not what the model makes of it "
      "(apart by {:.3g} of the largest value, --tolerance is {:.3g}). Try gasm "
      "extract --restart",
      found.worst_id, words.output, found.worst, words.tolerance));
}

}  // namespace

int run_extract(Arguments const& arguments) {
  ExtractWords words;
  CommandLine line(
      {.name = "extract",
       .purpose =
           "Runs the backbones over a clips.h5 and keeps what they make of "
           "each clip in a\nfeatures.h5, for training the fusion alone. A job "
           "that is stopped or killed goes\non where it was when it is started "
           "again. With --check it makes some features\nagain and compares "
           "them.",
       .example = "mpirun -n 2 gasm extract --config configs/synsth-s.yaml "
                  "--clips data/synsth-s/val-iid.h5 --output "
                  "data/synsth-s/val-iid.features.h5"});
  add_extract_options(line, words);
  if (printed_help(line, arguments)) return 0;
  return run_guarded(arguments.argc, arguments.argv,
                     [&](Communicator const& world) {
                       line.parse(arguments.words);
                       auto const config = read_config(world, words.config);
                       return words.check ? check(world, config, words)
                                          : extract(world, config, words);
                     });
}

}  // namespace gasm
