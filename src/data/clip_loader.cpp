// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/clip_loader.hpp"

#include <fmt/ranges.h>
#include <algorithm>

#include <string>
#include <utility>
#include <vector>

#include "gasm/base/clock.hpp"
#include "gasm/base/log.hpp"
#include "gasm/data/clip_rng.hpp"
#include "gasm/store/clip_store.hpp"
#include "gasm/store/resident_clips.hpp"
#include "gasm/video/video_decoder.hpp"

namespace gasm {
namespace {

constexpr std::size_t kMostNamed = 5;

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

ClipLoader::ClipLoader(ClipStore const& store, ClipLoaderOptions options,
                       ResidentClips const* resident)
    : store_(store),
      resident_(resident),
      options_(std::move(options)),
      augment_(in_mode(options_.augment, options_.mode)) {
  check_augment(options_.augment);
  if (options_.sampling.frames < 1 || options_.output.width_px < 1 ||
      options_.output.height_px < 1)
    throw usage_error("cannot make clips of {} frames of {} x {} pixels",
                      options_.sampling.frames, options_.output.width_px,
                      options_.output.height_px);
  if (augment_.flip != FlipKind::none)
    check_flip_map(options_.flip_map, store.classes().size());
  if (resident != nullptr && resident->size() != store.size())
    throw error("{} clips in memory do not belong to a store of {}",
                resident->size(), store.size());
}

std::size_t ClipLoader::clip_bytes() const {
  return static_cast<std::size_t>(options_.sampling.frames) * 3 *
         static_cast<std::size_t>(options_.output.height_px) *
         static_cast<std::size_t>(options_.output.width_px);
}

Result<std::int64_t> ClipLoader::load_clip(std::int64_t sample,
                                           std::int64_t epoch,
                                           VideoDecoder& decoder,
                                           std::span<std::uint8_t> out) const {
  GASM_ASSERT(out.size() == clip_bytes());
  ClipInfo const& info = store_.info(sample);
  if (options_.mode == SampleMode::eval) epoch = 0;
  Rng rng = clip_rng(options_.seed, epoch, sample);
  auto const num_frames = static_cast<int>(info.num_frames);
  auto const indices =
      sample_frames(options_.sampling, num_frames, options_.mode, rng);
  ClipTransform const transform = draw_transform(
      augment_, {info.width, info.height}, options_.output,
      may_mirror(augment_.flip, options_.flip_map, info.label), rng);

  std::vector<std::byte> read;
  std::span<std::byte const> file;
  if (resident_ != nullptr) {
    auto const bytes = resident_->bytes(sample);
    if (!bytes) return tl::unexpected(bytes.error());
    file = *bytes;
  } else {
    auto bytes = store_.bytes(sample);
    if (!bytes) return tl::unexpected(bytes.error());
    read = *std::move(bytes);
    file = read;
  }
  auto const frames = frame_scratch(out.size());
  auto const block = decoder.decode_into(
      file, indices, resample_of(transform.crop, options_.output), frames);
  if (!block) return tl::unexpected(block.error());
  if (block->num_missing > 0)
    return failure(
        "the video ends before its {} frames do ({} of {} wanted "
        "ones are missing)",
        num_frames, block->num_missing, indices.size());
  transform_clip(transform, options_.output, frames, out);
  return transform.mirror
             ? options_.flip_map[static_cast<std::size_t>(info.label)]
             : info.label;
}

MicroBatch ClipLoader::load(MicroBatchPlan const& plan, EpochOrder const& order,
                            VideoDecoder& decoder, std::stop_token stop) const {
  double const start_s = monotonic_s();
  MicroBatch batch;
  batch.step = plan.step;
  batch.epoch = plan.epoch;
  batch.index = plan.index;
  auto const num_clips = plan.positions.size();
  auto clips =
      torch::empty({num_clips, options_.sampling.frames, 3,
                    options_.output.height_px, options_.output.width_px},
                   torch::kUInt8);
  std::span<std::uint8_t> const bytes(
      clips.data_ptr<std::uint8_t>(),
      static_cast<std::size_t>(num_clips) * clip_bytes());
  auto labels = torch::empty({num_clips}, torch::kInt64);
  for (std::int64_t slot = 0; slot < num_clips; ++slot) {
    if (stop.stop_requested()) return batch;
    auto const out = bytes.subspan(
        static_cast<std::size_t>(slot) * clip_bytes(), clip_bytes());
    auto const loaded =
        load_slot(plan.positions.begin + slot, plan.epoch, order, decoder, out);
    labels.data_ptr<std::int64_t>()[slot] = loaded.label;
    batch.samples.push_back(loaded.sample);
    if (loaded.sample != plan.samples[static_cast<std::size_t>(slot)])
      batch.bad_slots.push_back(slot);
  }
  batch.clips = std::move(clips);
  batch.labels = std::move(labels);
  batch.decode_s = monotonic_s() - start_s;
  return batch;
}

ClipLoader::Loaded ClipLoader::load_slot(std::int64_t position,
                                         std::int64_t epoch,
                                         EpochOrder const& order,
                                         VideoDecoder& decoder,
                                         std::span<std::uint8_t> out) const {
  for (std::int64_t tries = 0; tries < order.size(); ++tries) {
    auto const sample = order.sample_at((position + tries) % order.size());
    // Tried anew even if it was bad before: substitutes must not depend on
    // what this process has met.
    auto const label = load_clip(sample, epoch, decoder, out);
    if (label) return {sample, *label};
    note_bad(sample, label.error());
  }
  throw error("no clip of {} can be decoded. Try gasm data verify",
              store_.path().string());
}

std::int64_t ClipLoader::num_bad() const {
  std::lock_guard lock(mutex_);
  return static_cast<std::int64_t>(bad_.size());
}

bool ClipLoader::is_within_budget(std::int64_t num_bad) const {
  return static_cast<double>(num_bad) <=
         options_.max_bad_fraction * static_cast<double>(store_.size());
}

Result<void> ClipLoader::check_budget(std::int64_t num_bad) const {
  if (is_within_budget(num_bad)) return {};
  return failure(
      "{} of {} clips of {} cannot be decoded, more than "
      "data.max_bad_fraction = {} allows (the ranks' warnings name them). Try "
      "gasm data verify on the videos and pack them again",
      num_bad, store_.size(), store_.path().string(),
      options_.max_bad_fraction);
}

void ClipLoader::note_bad(std::int64_t sample, Error const& why) const {
  std::lock_guard lock(mutex_);
  if (!bad_.insert(sample).second) return;
  log_rank_warn("clip {} is left out: {}", store_.info(sample).id, why.what());
  if (is_within_budget(static_cast<std::int64_t>(bad_.size()))) return;
  std::vector<std::string> ids;
  for (auto bad : bad_)
    if (ids.size() < kMostNamed) ids.push_back(store_.info(bad).id);
  throw error(
      "{} of {} clips of {} cannot be decoded, more than "
      "data.max_bad_fraction = {} allows (clips {}{}; the last one: {}). Try "
      "gasm data verify on the videos and pack them again",
      bad_.size(), store_.size(), store_.path().string(),
      options_.max_bad_fraction, fmt::join(ids, ", "),
      bad_.size() > ids.size() ? ", ..." : "", why.what());
}

std::unique_ptr<MicroBatchPrefetcher> prefetch_clips(
    ClipLoader const& loader, BatchPlan const& plan, Slice steps,
    std::int64_t rank, std::int64_t num_ranks, PrefetchOptions const& options) {
  auto jobs = [cursor = RankCursor(plan, steps, rank, num_ranks)]() mutable {
    return cursor.next();
  };
  auto make_worker = [&loader, plan] {
    return [&loader, plan, decoder = std::make_shared<VideoDecoder>()](
               MicroBatchPlan const& job, std::stop_token stop) {
      return loader.load(job, plan.epoch_order(job.epoch), *decoder, stop);
    };
  };
  return std::make_unique<MicroBatchPrefetcher>(std::move(jobs), make_worker,
                                                options);
}

}  // namespace gasm
