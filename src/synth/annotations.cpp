// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "gasm/base/rng.hpp"
#include "gasm/synth/bounds.hpp"
#include "synth_set.hpp"

namespace gasm {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kLabelNoiseStream = 0x6c6162656c2d6e6fULL;

std::string bracketed_lines(char open, std::vector<std::string> const& lines,
                            char close) {
  return fmt::format("{}\n{}\n{}\n", open, fmt::join(lines, ",\n"), close);
}

std::string labels_json(SynthLabels const& labels) {
  std::vector<std::string> lines;
  for (int id = 0; id < labels.size(); ++id)
    lines.push_back(fmt::format("{}:\"{}\"", Json(labels.key(id)).dump(), id));
  return bracketed_lines('{', lines, '}');
}

/// The label to write: another, uniform one with the given probability.
int noisy_label(SynthOptions const& options, SynthClip const& clip,
                int num_labels) {
  Rng rng(
      {kLabelNoiseStream, options.seed, static_cast<std::uint64_t>(clip.id)});
  if (clip.split != SynthSplit::train || !rng.chance(options.label_noise))
    return clip.label;
  int const shift = 1 + static_cast<int>(rng.below(num_labels - 1));
  return (clip.label + shift) % num_labels;
}

std::string record(SynthOptions const& options, SynthLabels const& labels,
                   SynthClip const& clip) {
  int const label = noisy_label(options, clip, labels.size());
  auto const shape = to_string(clip.shape);
  Json json;
  json["id"] = std::to_string(clip.id);
  json["label"] = labels.sentence(label, shape);
  json["template"] = labels.bracketed(label);
  json["placeholders"] = labels.placeholders(label, shape);
  return json.dump();
}

std::string records_json(SynthOptions const& options, SynthLabels const& labels,
                         std::vector<SynthClip> const& clips,
                         SynthSplit split) {
  std::vector<std::string> lines;
  for (auto const& clip : clips) {
    if (clip.split != split) continue;
    lines.push_back(split == SynthSplit::test
                        ? fmt::format(R"({{"id":"{}"}})", clip.id)
                        : record(options, labels, clip));
  }
  return bracketed_lines('[', lines, ']');
}

std::string answers_csv(SynthLabels const& labels,
                        std::vector<SynthClip> const& clips) {
  std::string text;
  for (auto const& clip : clips)
    if (clip.split == SynthSplit::test)
      text += fmt::format("{};{}\n", clip.id, labels.key(clip.label));
  return text;
}

Json options_json(SynthOptions const& options) {
  Json json;
  json["level"] = to_string(options.level);
  json["view"] = to_string(options.view);
  json["task"] = to_string(options.task);
  json["seed"] = options.seed;
  json["num_train_draws"] = options.num_train_draws;
  json["num_val_draws"] = options.num_val_draws;
  json["num_test_draws"] = options.num_test_draws;
  json["num_swap_draws"] = options.num_swap_draws;
  json["crf"] = options.crf;
  json["lossless"] = options.lossless;
  json["noise_sigma"] = nullptr;
  if (options.noise_sigma) json["noise_sigma"] = *options.noise_sigma;
  json["size_scale"] = options.size_scale;
  json["excursion_scale"] = options.excursion_scale;
  json["contrast"] = options.contrast;
  json["gap_frames"] = nullptr;
  if (options.gap_frames) json["gap_frames"] = *options.gap_frames;
  json["label_noise"] = options.label_noise;
  json["num_distractors"] = options.num_distractors;
  json["pan_px"] = options.pan_px;
  return json;
}

Json bounds_json(SynthOptions const& options) {
  auto const bounds = synth_bounds(options);
  Json json;
  json["single_frame"] = bounds.single_frame.text();
  json["bag_of_frames"] = bounds.bag_of_frames.text();
  json["short_snippets"] = bounds.short_snippets.text();
  json["max_snippet_frames"] = bounds.max_snippet_frames;
  json["motion_only"] = bounds.motion_only.text();
  json["additive_fusion"] = bounds.additive_fusion.text();
  return json;
}

/// {"0": "1", ...}
Json map_json(std::vector<int> const& map) {
  Json json = Json::object();
  for (std::size_t id = 0; id < map.size(); ++id)
    json[std::to_string(id)] = std::to_string(map[id]);
  return json;
}

}  // namespace

std::vector<SynthFile> annotation_files(SynthOptions const& options) {
  SynthLabels const labels(options.level, options.task);
  auto const clips = plan_synth(options);
  auto const records = [&](SynthSplit split) {
    return records_json(options, labels, clips, split);
  };
  std::vector<SynthFile> files{
      {"labels.json", labels_json(labels)},
      {"train.json", records(SynthSplit::train)},
      {"validation.json", records(SynthSplit::val_iid)},
      {"test.json", records(SynthSplit::test)},
      {"test-answers.csv", answers_csv(labels, clips)},
      {"validation-shape.json", records(SynthSplit::val_shape)},
  };
  if (options.num_swap_draws > 0) {
    files.push_back({"swap-train.json", records(SynthSplit::swap_train)});
    files.push_back({"validation-swap.json", records(SynthSplit::val_swap)});
  }
  return files;
}

std::string describe_set(SynthOptions const& options) {
  SynthLabels const labels(options.level, options.task);
  Json json;
  json["name"] = "SynSth";
  json["note"] =
      "A synthetic diagnostic of binding appearance to motion over time, not "
      "a proxy for accuracy on real videos. CC0.";
  json["options"] = options_json(options);
  json["proves_bounds"] = options.proves_bounds();
  // The bounds are about the labels of task full.
  if (options.proves_bounds() && options.task == SynthTask::full)
    json["bounds"] = bounds_json(options);
  json["flip_map"] = map_json(labels.flip_map());
  json["reversal_map"] = map_json(labels.reversal_map());
  return json.dump(2) + "\n";
}

}  // namespace gasm
