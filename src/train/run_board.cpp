// SPDX-License-Identifier: Apache-2.0
#include "run_board.hpp"

#include <fmt/format.h>

#include <array>

#include "gasm/base/clock.hpp"
#include "gasm/config/load.hpp"
#include "gasm/record/projector.hpp"
#include "gasm/video/png.hpp"
#include "run_pictures.hpp"

namespace gasm {
namespace {

std::array<std::string, 4> const kMeasures = {"val/top1", "val/top5",
                                              "val/loss", "train/loss"};

/// All of the configuration but where things lie and are written to.
Hparams hparams_of(RunConfig const& config) {
  Hparams found;
  for (auto const& [path, word] : list_values(config)) {
    bool const is_place = path.starts_with("run.dir") ||
                          path.starts_with("run.name") ||
                          path.starts_with("log.");
    if (!is_place) found.emplace_back(path, hparam_of(word));
  }
  return found;
}

std::string as_code(std::string const& text) {
  return "```\n" + text + "\n```\n";
}

std::string build_text(Manifest const& manifest) {
  auto text = fmt::format(
      "| what | value |\n| --- | --- |\n| gasm | {} |\n| commit | {}{} |\n"
      "| build | {}, {} |\n| ranks | {} on {} |\n| config digest | {} |\n",
      manifest.build.version, manifest.build.commit,
      manifest.build.dirty ? " and uncommitted changes" : "",
      manifest.build.build_type, manifest.build.compiler, manifest.world_size,
      manifest.host, manifest.config_digest);
  for (auto const& [name, version] : manifest.libraries)
    text += fmt::format("| {} | {} |\n", name, version);
  for (auto const& [path, hash] : manifest.data_hashes)
    text += fmt::format("| {} | {} |\n", path, hash);
  return text;
}

Result<void> add_picture(TensorBoardSummary& summary, std::string_view tag,
                         Picture const& picture, std::string_view description) {
  auto const png = encode_png(picture.rgb, picture.width, picture.height);
  if (!png) return tl::unexpected(png.error());
  summary.add_image(tag, *png, picture.width, picture.height, description);
  return {};
}

Projection projection_of(std::vector<PooledClip> const& clips,
                         SampleStore const& store) {
  Projection projection{.name = "validation",
                        .num_columns = clips.front().features.size(),
                        .values = {},
                        .header = {"video", "label", "predicted", "is_right"},
                        .facts = {}};
  auto const name_of = [&](std::int64_t label) {
    auto const k = static_cast<std::size_t>(label);
    // A model may have more classes than the data.
    return k < store.classes().size() ? store.classes()[k]
                                      : fmt::format("class {}", label);
  };
  for (auto const& clip : clips) {
    projection.values.insert(projection.values.end(), clip.features.begin(),
                             clip.features.end());
    projection.facts.push_back({store.id(clip.sample), name_of(clip.label),
                                name_of(clip.predicted),
                                clip.label == clip.predicted ? "yes" : "no"});
  }
  return projection;
}

}  // namespace

Result<RunBoard> RunBoard::open(RunFolder const& folder,
                                RunConfig const& config,
                                Manifest const& manifest,
                                std::string const& model_summary,
                                std::optional<std::int64_t> resume_step) {
  auto writer = TensorBoardWriter::open(
      folder.root(),
      resume_step ? std::optional(*resume_step + 1) : std::nullopt);
  if (!writer) return tl::unexpected(writer.error());
  RunBoard board(*std::move(writer), folder);
  board.last_step_ = resume_step.value_or(0);
  TensorBoardSummary summary;
  summary.add_text("run/config", as_code(to_yaml(config)));
  summary.add_text("run/model", as_code(model_summary));
  summary.add_text("run/build", build_text(manifest));
  auto const hparams = hparams_of(config);
  double const now_s = unix_time_s();
  summary.add_experiment(hparams, kMeasures, now_s);
  summary.add_session_start(hparams, config.run.name, now_s);
  if (auto done = board.writer_.write(board.last_step_, summary); !done)
    return tl::unexpected(done.error());
  return board;
}

Result<void> RunBoard::write_line(MetricsLine const& line) {
  TensorBoardSummary summary;
  for (auto const& [name, value] : line.values)
    summary.add_scalar(line.split + "/" + name, value);
  last_step_ = line.step;
  return writer_.write(line.step, summary, line.time_s);
}

Result<void> RunBoard::write_histograms(std::int64_t step,
                                        NamedHistograms const& histograms) {
  TensorBoardSummary summary;
  for (auto const& [tag, histogram] : histograms)
    if (histogram.num > 0) summary.add_histogram(tag, histogram);
  return summary.empty() ? Result<void>{} : writer_.write(step, summary);
}

Result<void> RunBoard::write_frames(std::int64_t step,
                                    at::Tensor const& clips) {
  TensorBoardSummary summary;
  auto const added =
      add_picture(summary, "train/frames", frames_picture(clips),
                  "Frames of a batch as the model is fed them: a clip a row.");
  return added ? writer_.write(step, summary) : added;
}

Result<void> RunBoard::write_eval(std::int64_t step, EvalResult const& result,
                                  SampleStore const& store) {
  if (!result.confusion.empty()) {
    TensorBoardSummary summary;
    auto done = add_picture(
        summary, "val/confusion", confusion_picture(result.confusion),
        "Row: class of the clip, in the order of `labels.json`. Column: class "
        "that it was taken for. Shade: share of the row's clips.");
    if (done) done = writer_.write(step, summary);
    if (!done) return done;
  }
  if (result.pooled.empty()) return {};
  return publish_projection(folder_.root(),
                            projection_of(result.pooled, store));
}

Result<void> RunBoard::finish(RunState state) {
  if (state != RunState::done && state != RunState::failed) return {};
  TensorBoardSummary summary;
  summary.add_session_end(state == RunState::done, unix_time_s());
  return writer_.write(last_step_, summary);
}

}  // namespace gasm
