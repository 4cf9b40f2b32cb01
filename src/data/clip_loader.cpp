// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/clip_loader.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "gasm/base/clock.hpp"
#include "gasm/config/run_config.hpp"
#include "gasm/data/clip_rng.hpp"
#include "gasm/data/flip_map.hpp"
#include "gasm/data/mix.hpp"
#include "gasm/data/motion_energy.hpp"
#include "gasm/store/clip_store.hpp"
#include "gasm/store/record_reader.hpp"
#include "gasm/video/video_decoder.hpp"

namespace gasm {
namespace {

void check_flip_map(FlipMap const& map, std::size_t num_classes) {
  if (map.size() != num_classes)
    throw usage_error(
        "the flip map has {} entries and the clip store {} classes (each class "
        "needs one). Try data.augment.flip=none",
        map.size(), num_classes);
  for (std::size_t c = 0; c < map.size(); ++c) {
    auto const partner = map[c];
    if (partner == -1) continue;
    bool const known =
        partner >= 0 && static_cast<std::size_t>(partner) < num_classes;
    if (!known ||
        map[static_cast<std::size_t>(partner)] != static_cast<std::int64_t>(c))
      throw usage_error(
          "the flip map takes class {} to {}, which does not lead back", c,
          partner);
  }
}

AugmentConfig in_mode(AugmentConfig const& config, SampleMode mode) {
  return mode == SampleMode::train ? config : without_randomness(config);
}

Resample resample_of(CropBox crop, FrameSize output) {
  Resample resample;
  resample.crop = crop;
  resample.out_width_px = output.width_px;
  resample.out_height_px = output.height_px;
  return resample;
}

// Decoded frames [T, H, W, 3] before augmentation: a few megabytes that would
// otherwise be mapped and cleared anew for every clip.
std::span<std::uint8_t> frame_scratch(std::size_t num_bytes) {
  thread_local std::vector<std::uint8_t> scratch;
  scratch.resize(num_bytes);
  return scratch;
}

}  // namespace

ClipLoaderOptions clip_loader_options(RunConfig const& config,
                                      ClipStore const& store, SampleMode mode,
                                      TestViews views) {
  auto const resolution = input_resolution(config.model);
  ClipLoaderOptions options;
  options.mode = mode;
  options.sampling = config.data.sampling;
  options.views = views;
  options.output = {.width_px = resolution.width,
                    .height_px = resolution.height};
  options.augment = config.data.augment;
  options.flip_map = make_flip_map(store.classes());
  options.seed = config.run.seed;
  options.max_bad_fraction = config.data.max_bad_fraction;
  return options;
}

ClipLoader::ClipLoader(ClipStore const& store, ClipLoaderOptions options,
                       RecordReader* reader)
    : BatchLoader(store, options.max_bad_fraction),
      store_(store),
      reader_(reader),
      options_(std::move(options)),
      augment_(in_mode(options_.augment, options_.mode)) {
  check_augment(options_.augment);
  if (options_.sampling.frames < 1 || options_.output.width_px < 1 ||
      options_.output.height_px < 1)
    throw usage_error("cannot make clips of {} frames of {} x {} pixels",
                      options_.sampling.frames, options_.output.width_px,
                      options_.output.height_px);
  auto const& views = options_.views;
  if (views.num_clips < 1 || views.num_crops < 1 ||
      (options_.mode == SampleMode::train && views.size() > 1))
    throw usage_error(
        "cannot take {} clips with {} windows of a sample (1 and 1 in "
        "training)",
        views.num_clips, views.num_crops);
  if (views.num_crops > 1 && augment_.crop == CropKind::none)
    throw usage_error(
        "{} windows of a clip, but augment.crop is none (the whole frame). Try "
        "center",
        views.num_crops);
  if (augment_.flip != FlipKind::none)
    check_flip_map(options_.flip_map, store.classes().size());
}

std::size_t ClipLoader::clip_bytes() const {
  return static_cast<std::size_t>(options_.sampling.frames) * 3 *
         static_cast<std::size_t>(options_.output.height_px) *
         static_cast<std::size_t>(options_.output.width_px);
}

std::size_t ClipLoader::sample_bytes() const {
  return static_cast<std::size_t>(options_.views.size()) * clip_bytes();
}

Result<std::vector<int>> ClipLoader::choose_frames(
    std::span<std::byte const> file, ClipInfo const& info, Rng& rng,
    VideoDecoder& decoder) const {
  std::vector<float> motion;
  if (options_.sampling.kind == SamplingKind::motion) {
    auto found = motion_energy(file, info, decoder);
    if (!found) return tl::unexpected(found.error());
    motion = *std::move(found);
  }
  std::vector<int> indices;
  for (int clip = 0; clip < options_.views.num_clips; ++clip) {
    auto const chosen = sample_frames(
        options_.sampling, static_cast<int>(info.num_frames), options_.mode,
        rng, {clip, options_.views.num_clips}, motion);
    indices.insert(indices.end(), chosen.begin(), chosen.end());
  }
  return indices;
}

Result<std::int64_t> ClipLoader::load_clip(std::int64_t sample,
                                           std::int64_t epoch,
                                           VideoDecoder& decoder,
                                           std::span<std::uint8_t> out) const {
  GASM_ASSERT(out.size() == sample_bytes());
  ClipInfo const& info = store_.info(sample);
  if (options_.mode == SampleMode::eval) epoch = 0;
  Rng rng = clip_rng(options_.seed, epoch, sample);
  auto const record =
      reader_ ? reader_->read(sample) : read_record(store_, sample);
  if (!record) return tl::unexpected(record.error());
  auto const file = record->parts[0];
  num_bytes_read_ += file.size();
  auto const indices = choose_frames(file, info, rng, decoder);
  if (!indices) return tl::unexpected(indices.error());
  FrameSize const source{info.width, info.height};
  ClipTransform transform = draw_transform(
      augment_, source, options_.output,
      may_mirror(augment_.flip, options_.flip_map, info.label), rng);

  auto const num_clips = static_cast<std::size_t>(options_.views.num_clips);
  auto const num_crops = static_cast<std::size_t>(options_.views.num_crops);
  auto const frames = frame_scratch(num_clips * clip_bytes());
  for (std::size_t crop = 0; crop < num_crops; ++crop) {
    if (num_crops > 1)
      transform.crop =
          test_box(source, options_.output,
                   {static_cast<int>(crop), options_.views.num_crops});
    auto const block = decoder.decode_into(
        file, *indices, resample_of(transform.crop, options_.output), frames);
    if (!block) return tl::unexpected(block.error());
    if (block->num_missing > 0)
      return failure(
          "the video ends before its {} frames do ({} of {} wanted "
          "ones are missing)",
          info.num_frames, block->num_missing, indices->size());
    for (std::size_t clip = 0; clip < num_clips; ++clip)
      augment_clip(
          transform, options_.output,
          frames.subspan(clip * clip_bytes(), clip_bytes()),
          out.subspan((clip * num_crops + crop) * clip_bytes(), clip_bytes()));
  }
  return transform.mirror
             ? options_.flip_map[static_cast<std::size_t>(info.label)]
             : info.label;
}

void ClipLoader::mix(MicroBatch& batch, std::span<std::uint8_t> clips) const {
  auto const draw = draw_mix(augment_.mix, options_.output, options_.seed,
                             batch.step, batch.index);
  if (draw.own_share == 1.0) return;
  mix_clips(draw, options_.output, batch.size(), clips);
  batch.own_share = draw.own_share;
  batch.other_labels = batch.labels.flip(0);
}

MicroBatch ClipLoader::load(MicroBatchPlan const& plan, EpochOrder const& order,
                            VideoDecoder& decoder, std::stop_token stop) const {
  double const start_s = monotonic_s();
  MicroBatch batch;
  batch.step = plan.step;
  batch.epoch = plan.epoch;
  batch.index = plan.index;
  batch.num_views = options_.views.size();
  auto const num_samples = plan.positions.size();
  auto clips =
      host_tensor({num_samples * batch.num_views, options_.sampling.frames, 3,
                   options_.output.height_px, options_.output.width_px},
                  torch::kUInt8);
  std::span<std::uint8_t> const bytes(
      clips.data_ptr<std::uint8_t>(),
      static_cast<std::size_t>(num_samples) * sample_bytes());
  auto labels = host_tensor({num_samples}, at::kLong);
  for (std::int64_t slot = 0; slot < num_samples; ++slot) {
    if (stop.stop_requested()) return batch;
    auto const out = bytes.subspan(
        static_cast<std::size_t>(slot) * sample_bytes(), sample_bytes());
    auto const loaded = load_or_replace(
        plan.positions.begin + slot, order, [&](std::int64_t sample) {
          return load_clip(sample, plan.epoch, decoder, out);
        });
    labels.data_ptr<std::int64_t>()[slot] = loaded.label;
    batch.samples.push_back(loaded.sample);
    if (loaded.sample != plan.samples[static_cast<std::size_t>(slot)])
      batch.bad_slots.push_back(slot);
  }
  batch.clips = std::move(clips);
  batch.labels = std::move(labels);
  mix(batch, bytes);
  batch.decode_s = monotonic_s() - start_s;
  return batch;
}

BatchLoader::Worker ClipLoader::make_worker() const {
  return
      [this, decoder = std::make_shared<VideoDecoder>()](
          MicroBatchPlan const& plan, EpochOrder const& order,
          std::stop_token stop) { return load(plan, order, *decoder, stop); };
}

}  // namespace gasm
