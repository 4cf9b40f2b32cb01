// SPDX-License-Identifier: Apache-2.0
#include "commands.hpp"
#include "gasm/comm/run_guarded.hpp"
#include "inspect_clip.hpp"

namespace gasm {

int run_data_inspect(Arguments const& arguments) {
  InspectWords words;
  CommandLine line(
      {.name = "data inspect",
       .purpose =
           "Shows one clip of a store: its record, the frames that a model\n"
           "would see as one picture, and their numbers in the file.",
       .example = "gasm data inspect --store data/synsth-s/train.h5 --id 7 "
                  "--output 7.png",
       .notes = "Frames are those of training before augmentation: the same "
                "--seed, --epoch\nand store give the same ones. "
                "data.sampling.time_jitter, frame_drop and\norder are left "
                "out."});
  line.require("store", words.store, "FILE.h5", "Clip store.");
  line.add("id", words.id, "ID", "The video's id. This or --index.");
  line.add("index", words.index, "N", "The clip's place, from 0.");
  line.add("output", words.output, "OUT.png", "Picture to write (none).");
  line.add("frames", words.sampling.frames, "N", "Frames (16).");
  line.add("sampling", words.kind, "KIND",
           "As data.sampling.kind: segment, uniform, random, dense, motion or "
           "tsm (segment).");
  line.add("stride", words.sampling.stride, "N",
           "As data.sampling.stride, for dense (1).");
  line.add("mode", words.mode, "train|eval",
           "Frames drawn as in training, or the centres (train).");
  line.add("seed", words.seed, "N", "run.seed of the training (0).");
  line.add("epoch", words.epoch, "N", "Epoch of the training, from 0 (0).");
  line.add("size", words.short_side_px, "PX",
           "Shorter side of a frame in the picture (as in the file).");
  line.add("columns", words.num_columns, "N",
           "Frames in a row (about as wide as a screen).");
  if (printed_help(line, arguments)) return 0;
  return run_guarded_serial([&] {
    line.parse(arguments.words);
    return inspect_clip(words);
  });
}

}  // namespace gasm
