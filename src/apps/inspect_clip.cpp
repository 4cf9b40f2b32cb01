// SPDX-License-Identifier: Apache-2.0
#include "inspect_clip.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "command_line.hpp"
#include "gasm/base/nearest.hpp"
#include "gasm/data/clip_rng.hpp"
#include "gasm/data/frame_sampling.hpp"
#include "gasm/data/motion_energy.hpp"
#include "gasm/store/clip_store.hpp"
#include "gasm/video/video_decoder.hpp"
#include "output_file.hpp"
#include "show_clip.hpp"

namespace gasm {
namespace {

constexpr int kMostFrames = 1024;

SamplingKind kind_of(std::string const& word) {
  std::vector<std::string> words;
  for (auto const& choice : choices(SamplingKind{})) {
    if (choice.word == word) return choice.value;
    words.emplace_back(choice.word);
  }
  throw usage_error("--sampling {} (must be one of {})", word,
                    fmt::join(words, ", "));
}

SampleMode mode_of(std::string const& word) {
  if (word == "train") return SampleMode::train;
  if (word == "eval") return SampleMode::eval;
  throw usage_error("--mode {} (must be train or eval)", word);
}

void check_words(InspectWords const& words) {
  if (words.id.has_value() == words.index.has_value())
    throw usage_error(
        "gasm data inspect needs either --id or --index. Try gasm data inspect "
        "--help");
  if (words.sampling.frames < 1 || words.sampling.frames > kMostFrames)
    throw usage_error("--frames {} (must be 1 to {})", words.sampling.frames,
                      kMostFrames);
  if (words.sampling.stride < 1)
    throw usage_error("--stride {} (must be at least 1)",
                      words.sampling.stride);
  if (words.sampling.stride > 1 && words.sampling.kind != SamplingKind::dense)
    throw usage_error("--stride belongs to --sampling dense");
  if (words.epoch < 0 || words.short_side_px < 0 || words.num_columns < 0)
    throw usage_error("--epoch, --size and --columns must not be negative");
  if (words.output.empty()) return;
  check_output("--output", words.output);
  refuse_same_file("--output", words.output, {words.store});
}

std::int64_t find_clip(ClipStore const& store, InspectWords const& words) {
  if (words.index) {
    if (*words.index < 0 || *words.index >= store.size())
      throw usage_error("--index {} (the store has clips 0 to {})",
                        *words.index, store.size() - 1);
    return *words.index;
  }
  std::vector<std::string> ids;
  for (std::int64_t i = 0; i < store.size(); ++i) {
    if (store.info(i).id == *words.id) return i;
    ids.push_back(store.info(i).id);
  }
  auto const near = nearest(*words.id, ids);
  throw usage_error("{} has no clip with id {}{}", store.path().string(),
                    *words.id,
                    near.empty() ? "" : ". Did you mean " + near + "?");
}

/// What frame sampling wants to know of the pictures.
std::vector<float> motion_of(ClipStore const& store, std::int64_t clip,
                             SamplingKind kind) {
  if (kind != SamplingKind::motion) return {};
  auto const file = value_or_throw(store.bytes(clip));
  VideoDecoder decoder;
  return value_or_throw(motion_energy(file, store.info(clip), decoder));
}

}  // namespace

ExitCode inspect_clip(InspectWords words) {
  words.sampling.kind = kind_of(words.kind);
  auto const mode = mode_of(words.mode);
  check_words(words);
  auto const store = value_or_throw(ClipStore::open(words.store));
  auto const clip = find_clip(store, words);
  auto rng =
      clip_rng(words.seed, mode == SampleMode::eval ? 0 : words.epoch, clip);
  auto const indices = sample_frames(
      words.sampling, static_cast<int>(store.info(clip).num_frames), mode, rng,
      {}, motion_of(store, clip, words.sampling.kind));
  print(describe_clip(store, clip));
  print(fmt::format("frames  {}", fmt::join(indices, " ")));
  if (!words.output.empty())
    write_sheet(store, clip, indices,
                {words.output, words.short_side_px, words.num_columns});
  return ExitCode::done;
}

}  // namespace gasm
