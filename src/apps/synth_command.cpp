// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "commands.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "gasm/synth/bounds.hpp"
#include "gasm/synth/write.hpp"
#include "shared_work.hpp"

namespace gasm {
namespace {

struct SynthWords {
  std::string level;
  std::string view = "rgb";
  std::string task = "full";
  std::string output;
  double watchdog_s = default_watchdog_s;
};

CommandLine make_line(SynthWords& words, SynthOptions& options) {
  CommandLine line(
      {.name = "synth",
       .purpose =
           "Writes a SynSth set: synthetic clips in the file format of\n"
           "Something-Something V2 whose labels need appearance bound to "
           "motion.\nEach rank writes its share. Safe to run again: clips "
           "that exist are kept.",
       .example = "mpirun -n 2 gasm synth --level S --output data/synsth-s"});
  line.require("level", words.level, "S|M|L|XL", "Size and difficulty.");
  line.require("output", words.output, "DIR", "Folder, made when missing.");
  line.add("seed", options.seed, "N", "Decides every draw (0).");
  line.add("train-draws", options.num_train_draws, "N",
           "Orbits of train, one clip a class each (300).");
  line.add("val-draws", options.num_val_draws, "N",
           "Of each validation split (150).");
  line.add("test-draws", options.num_test_draws, "N", "Of test (25).");
  line.add("swap-draws", options.num_swap_draws, "N", "Of swap splits (0).");
  line.add("view", words.view, "rgb|silhouette", "What is shown (rgb).");
  line.add("task", words.task, "full|texture|motion", "What is asked (full).");
  line.flag("lossless", options.lossless, "Exactly the rendered bytes.");
  line.add("crf", options.crf, "0..63", "VP9 quality, 0 is best (32).");
  line.add("noise-sigma", options.noise_sigma, "GREY",
           "Sensor noise (drawn for each scene).");
  line.add("size-scale", options.size_scale, "X", "Of the objects (1).");
  line.add("excursion-scale", options.excursion_scale, "X", "Of paths (1).");
  line.add("contrast", options.contrast, "X", "Of textures, up to 1 (1).");
  line.add("gap-frames", options.gap_frames, "N", "Rest in each gap (2).");
  line.add("label-noise", options.label_noise, "SHARE", "Wrong in train (0).");
  line.add("distractors", options.num_distractors, "N",
           "Drifting dots; void the bounds (0).");
  line.add("pan-px", options.pan_px, "PX", "Camera pan; voids them too (0).");
  add_watchdog_option(line, words.watchdog_s);
  return line;
}

std::string bounds_text(SynthOptions const& options) {
  if (options.task != SynthTask::full || !options.proves_bounds())
    return "Bounds: none are proven for this task and these knobs.";
  auto const bounds = synth_bounds(options);
  auto const all = options.view == SynthView::silhouette
                       ? bounds.motion_only.text() + " (silhouettes)"
                       : bounds.all.text();
  return fmt::format(
      "Best possible top-1 for a view of the clip:\n"
      "  single frame              {}\n"
      "  bag of frames             {}\n"
      "  snippets up to {:>2} frames  {}\n"
      "  motion only               {}\n"
      "  additive late fusion      {}\n"
      "  everything in it          {}",
      bounds.single_frame.text(), bounds.bag_of_frames.text(),
      bounds.max_snippet_frames, bounds.short_snippets.text(),
      bounds.motion_only.text(), bounds.additive_fusion.text(), all);
}

ExitCode write_set(Communicator const& world, SynthOptions const& options,
                   double watchdog_s) {
  SharedWork work(world, "synth", "clips", watchdog_s);
  agree_call(world, [&] {
    if (world.is_root()) claim_synth_folder(options);
  });
  auto const mine = agree_call(world, [&] {
    return write_synth(options, world.rank(), world.size(),
                       [&](int done, int total) { work.update(done, total); });
  });
  auto const num_clips = world.all_reduce_sum(mine.num_clips);
  auto const num_skipped = world.all_reduce_sum(mine.num_skipped);
  auto const num_bytes = world.all_reduce_sum(mine.size_bytes);
  if (!world.is_root()) return ExitCode::done;
  print(fmt::format(
      "SynSth {}: {} clips of {} classes, {} written now ({:.1f} MB), {} were "
      "there\n{}\nVideos, labels and synth.json: {}",
      to_string(options.level), num_clips,
      SynthLabels(options.level, options.task).size(), num_clips - num_skipped,
      static_cast<double>(num_bytes) / 1e6, num_skipped, bounds_text(options),
      options.output.string()));
  return ExitCode::done;
}

}  // namespace

int run_synth(Arguments const& arguments) {
  SynthWords words;
  SynthOptions options;
  auto const line = make_line(words, options);
  if (printed_help(line, arguments)) return 0;
  return run_guarded(arguments.argc, arguments.argv,
                     [&](Communicator const& world) {
                       line.parse(arguments.words);
                       options.level = parse_synth_level(words.level);
                       options.view = parse_synth_view(words.view);
                       options.task = parse_synth_task(words.task);
                       options.output = words.output;
                       return write_set(world, options, words.watchdog_s);
                     });
}

}  // namespace gasm
