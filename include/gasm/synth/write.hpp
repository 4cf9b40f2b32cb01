// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gasm/synth/labels.hpp"
#include "gasm/synth/options.hpp"
#include "gasm/synth/shapes.hpp"

namespace gasm {

/// One clip of a set.
struct SynthClip {
  int id = 0;  ///< 1..N, also the file name
  SynthSplit split = SynthSplit::train;
  int draw = 0;
  int label = 0;  ///< true class of the set's task
  ObjectSet set = ObjectSet::a;
  Shape shape = Shape::circle;
};

/// Every clip of the set that the options describe, id i at i-1: split by
/// split in the order of SynthSplit, draw by draw, label by label.
std::vector<SynthClip> plan_synth(SynthOptions const& options);

/// The rendered frames of one clip before encoding, [T * H * W * 3]. Slow for
/// many clips of one draw; write_synth renders a draw once.
std::vector<std::uint8_t> render_clip(SynthOptions const& options,
                                      SynthClip const& clip);

/// The annotation files by name, all bytes. Layout of the lists: "[\n", one
/// record a line as Python's json.dumps(record, separators=(",", ":")) writes
/// it, lines joined by ",\n", then "\n]\n"; labels.json the same with braces.
struct SynthFile {
  std::string name;  ///< below OUTPUT/labels, e.g. "train.json"
  std::string contents;
};
std::vector<SynthFile> annotation_files(SynthOptions const& options);

/// Called after every clip of this part.
using SynthProgress = std::function<void(int done, int total)>;

struct SynthReport {
  int num_clips = 0;            ///< of this part
  int num_skipped = 0;          ///< were already there
  std::int64_t size_bytes = 0;  ///< of the clips written now
};

/// Makes OUTPUT and its folders and says in synth.json whose they are, or does
/// nothing if they are this set's already. A usage error if synth.json has
/// other options, or if it is absent and videos or labels hold anything: the
/// files of somebody else. Other failures throw Error.
/// OUTPUT/synth.json: options, bounds, flip and reversal maps.
///
/// To be called once, and to have returned, before any part is written.
void claim_synth_folder(SynthOptions const& options);

/// Writes part `part` of `num_parts` of a set into its claimed folder (not
/// collective, no two calls touch the same file):
///   OUTPUT/videos/<id>.webm                VP9, draws d = part mod num_parts
///   OUTPUT/labels/{labels,train,validation,test}.json, test-answers.csv,
///     validation-shape.json, swap-train.json, validation-swap.json   part 0
/// The swap files only if num_swap_draws > 0. Every file depends on the
/// options alone, not on the number of parts.
///
/// Safe to run again: clips are published whole, so those that exist are
/// kept; a folder whose synth.json has other options is refused, and one
/// without it an error. Throws Error.
SynthReport write_synth(SynthOptions const& options, int part, int num_parts,
                        SynthProgress const& progress = {});

}  // namespace gasm
