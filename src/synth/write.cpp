// SPDX-License-Identifier: Apache-2.0
#include "gasm/synth/write.hpp"

#include <algorithm>
#include <filesystem>
#include <span>
#include <system_error>

#include "gasm/base/error.hpp"
#include "gasm/base/file.hpp"
#include "gasm/base/log.hpp"
#include "gasm/synth/scene.hpp"
#include "gasm/video/video_encoder.hpp"
#include "synth_set.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

/// The clips of one draw, which share rendered states.
using Orbit = std::vector<SynthClip>;

std::vector<Orbit> orbits_of(std::vector<SynthClip> const& clips) {
  std::vector<Orbit> orbits;
  for (auto const& clip : clips) {
    bool const same = !orbits.empty() &&
                      orbits.back().front().split == clip.split &&
                      orbits.back().front().draw == clip.draw;
    if (!same) orbits.emplace_back();
    orbits.back().push_back(clip);
  }
  // In the swap protocol a draw has two scenes: one after the other.
  for (auto& orbit : orbits)
    std::stable_sort(
        orbit.begin(), orbit.end(),
        [](auto const& a, auto const& b) { return a.set < b.set; });
  return orbits;
}

std::vector<Orbit> orbits_of_part(std::vector<SynthClip> const& clips, int part,
                                  int num_parts) {
  std::vector<Orbit> mine;
  auto orbits = orbits_of(clips);
  for (auto i = static_cast<std::size_t>(part); i < orbits.size();
       i += static_cast<std::size_t>(num_parts))
    mine.push_back(std::move(orbits[i]));
  return mine;
}

fs::path description_path(SynthOptions const& options) {
  return options.output / "synth.json";
}

void check_output(SynthOptions const& options) {
  check(options);
  if (options.output.empty())
    throw usage_error("output is empty. Try the path of a new folder");
}

/// A clip that exists is kept, so it has to be a clip of this very set.
void check_description(SynthOptions const& options) {
  auto const path = description_path(options);
  if (value_or_throw(read_text(path)) == describe_set(options)) return;
  throw usage_error(
      "{} describes a set with other options (clips would mix). Try another "
      "output folder, or delete this one",
      path.string());
}

/// Files that no set accounts for are somebody's, and not to be overwritten.
void check_unused(fs::path const& folder) {
  std::error_code none;
  if (!fs::exists(folder, none) || fs::is_empty(folder, none)) return;
  throw usage_error(
      "{} is not empty, and no synth.json beside it says that a SynSth set is "
      "there (its files would be overwritten). Try another --output",
      folder.string());
}

fs::path clip_path(SynthOptions const& options, SynthClip const& clip) {
  return options.output / "videos" / (std::to_string(clip.id) + ".webm");
}

bool is_written(fs::path const& path) {
  std::error_code none;
  auto const size = fs::file_size(path, none);
  return !none && size > 0;
}

/// Whole or not there, as publish_file, but without its two fsyncs a file,
/// which would take as long as the encoding: a clip that a power cut empties
/// is written again (is_written).
void publish_clip(fs::path const& path, std::span<std::byte const> bytes) {
  fs::path const draft = path.string() + ".tmp";
  auto file =
      value_or_throw(FileWriter::open(draft, FileWriter::Mode::truncate));
  value_or_throw(file.write(bytes));
  value_or_throw(file.close());
  std::error_code failed;
  fs::rename(draft, path, failed);
  if (failed)
    throw error("cannot rename {} to {} ({})", draft.string(), path.string(),
                failed.message());
}

/// Encodes and publishes clips of one scene after another.
class OrbitWriter {
 public:
  explicit OrbitWriter(SynthOptions const& options)
      : options_(options), labels_(options.level, options.task) {
    encoding_.fps = level_spec(options).fps;
    encoding_.crf = options.crf;
    if (options.lossless) encoding_.fidelity = Fidelity::lossless;
  }

  /// Returns the size of the file written.
  std::int64_t write(SynthClip const& clip) {
    enter_scene(clip);
    auto const pixels =
        clip_pixels(options_, scene_, states_, labels_.event(clip.label));
    bool const crop = options_.task == SynthTask::texture;
    auto const& spec = scene_.spec;
    auto const file = value_or_throw(
        encode_vp9_webm(pixels, crop ? spec.crop_px : spec.width_px,
                        crop ? spec.crop_px : spec.height_px, encoding_));
    publish_clip(clip_path(options_, clip), file);
    return static_cast<std::int64_t>(file.size());
  }

 private:
  void enter_scene(SynthClip const& clip) {
    if (has_scene_ && same_scene(clip, at_)) return;
    scene_ = draw_scene(options_, clip.split, clip.draw, clip.set);
    if (options_.task != SynthTask::texture)
      states_ = render_states(scene_, options_.view);
    at_ = clip;
    has_scene_ = true;
  }

  SynthOptions const& options_;
  SynthLabels labels_;
  EncodeOptions encoding_;
  Scene scene_;
  std::vector<RgbFrame> states_;
  SynthClip at_;
  bool has_scene_ = false;
};

SynthReport write_clips(SynthOptions const& options,
                        std::vector<Orbit> const& orbits,
                        SynthProgress const& progress) {
  int total = 0;
  for (auto const& orbit : orbits) total += static_cast<int>(orbit.size());
  OrbitWriter writer(options);
  SynthReport report;
  for (auto const& orbit : orbits)
    for (auto const& clip : orbit) {
      if (is_written(clip_path(options, clip)))
        ++report.num_skipped;
      else
        report.size_bytes += writer.write(clip);
      ++report.num_clips;
      if (progress) progress(report.num_clips, total);
    }
  return report;
}

void write_annotations(SynthOptions const& options) {
  for (auto const& file : annotation_files(options))
    value_or_throw(
        publish_file(options.output / "labels" / file.name, file.contents));
}

}  // namespace

void claim_synth_folder(SynthOptions const& options) {
  check_output(options);
  auto const videos = options.output / "videos";
  auto const labels = options.output / "labels";
  bool const is_described = fs::exists(description_path(options));
  if (is_described) {
    check_description(options);
  } else {
    check_unused(videos);
    check_unused(labels);
  }
  value_or_throw(make_folder(videos));
  value_or_throw(make_folder(labels));
  if (!is_described)
    value_or_throw(
        publish_file(description_path(options), describe_set(options)));
}

SynthReport write_synth(SynthOptions const& options, int part, int num_parts,
                        SynthProgress const& progress) {
  check_output(options);
  if (num_parts < 1 || part < 0 || part >= num_parts)
    throw usage_error("part {} of {} does not exist", part, num_parts);
  check_description(options);
  if (part == 0 && !options.proves_bounds())
    log_warn(
        "distractors or pan are on: the bounds of single frames, bags and "
        "motion do not hold for {} (robustness run)",
        options.output.string());
  auto const orbits = orbits_of_part(plan_synth(options), part, num_parts);
  SynthReport const report = write_clips(options, orbits, progress);
  if (part == 0) write_annotations(options);
  return report;
}

}  // namespace gasm
