// SPDX-License-Identifier: Apache-2.0
#include "ckpt_text.hpp"
#include "commands.hpp"
#include "gasm/comm/run_guarded.hpp"

namespace gasm {
namespace {

CheckpointView look_at_step(std::filesystem::path const& folder) {
  CheckpointView view{folder, value_or_throw(read_checkpoint_summary(folder)),
                      value_or_throw(read_checkpoint_layout(folder)), 0};
  view.num_bytes = view.summary->num_bytes();
  return view;
}

/// Of a folder of checkpoints the one that a run would resume from, as far as
/// sizes tell.
CheckpointView look_at_newest(std::filesystem::path const& folder) {
  auto const listing = value_or_throw(list_checkpoints(folder));
  for (auto i = listing.checkpoints.rbegin(); i != listing.checkpoints.rend();
       ++i)
    if (!i->is_unfinished && i->problem.empty()) return look_at_step(i->path);
  throw error("{} has no complete checkpoint. Try gasm ckpt ls {}",
              folder.string(), folder.string());
}

CheckpointView look(std::string const& path) {
  auto const place = value_or_throw(find_checkpoints(path));
  switch (place.kind) {
    case CheckpointPlace::Kind::folder:
      return look_at_newest(place.path);
    case CheckpointPlace::Kind::step:
      return look_at_step(place.path);
    case CheckpointPlace::Kind::file:
      break;
  }
  CheckpointView view{place.path, std::nullopt, {}, 0};
  view.sets[""] = value_or_throw(read_safetensors_layout(place.path));
  view.num_bytes = std::filesystem::file_size(place.path);
  return view;
}

}  // namespace

int run_ckpt_info(Arguments const& arguments) {
  std::vector<std::string> paths;
  bool as_json = false;
  bool with_tensors = false;
  CommandLine line(
      {.name = "ckpt info",
       .purpose =
           "Shows what a checkpoint holds: step, place in the epoch, format, "
           "who wrote it,\nsets of tensors with their layout (equal for "
           "checkpoints of one model), files\nand facts. Of a run, its newest "
           "complete one. Reads headers, no values.",
       .example = "gasm ckpt info --tensors runs/ssv2-first/checkpoints/best",
       .notes = "Other formats of weights: gasm weights inspect."});
  line.flag("json", as_json, "Print one line of JSON, tensors included.");
  line.flag("tensors", with_tensors, "A line for each tensor, too.");
  line.add_paths(paths, "Run folder, step folder, or file of safetensors.");
  if (printed_help(line, arguments)) return 0;
  return run_guarded_serial([&] {
    line.parse(arguments.words);
    for (auto const& path : paths) {
      auto const view = look(path);
      print(as_json ? ckpt_view_json(view)
                    : ckpt_view_text(view, with_tensors));
    }
    return ExitCode::done;
  });
}

}  // namespace gasm
