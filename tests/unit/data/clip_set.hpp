// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gasm/base/hash.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/data/clip_loader.hpp"
#include "gasm/store/clip_store.hpp"
#include "gasm/store/write_clip_store.hpp"
#include "gasm/video/video_decoder.hpp"
#include "gasm/video/video_encoder.hpp"
#include "support/temp_folder.hpp"

// A store of small clips whose pixels tell clip, frame and column, and ways to
// load them.

namespace gasm {

// B clips, T frames, H rows, W columns.
constexpr int kWidth = 32;
constexpr int kHeight = 24;
constexpr int kNumFrames = 11;

// Lossless: red tells the column, green the frame, blue the clip.
inline int red_at(int x) { return 8 * x; }
inline int green_of(int frame) { return 20 * frame; }
inline int blue_of(std::int64_t clip) { return static_cast<int>(10 * clip); }

inline std::vector<std::byte> make_video(std::int64_t clip) {
  std::vector<std::uint8_t> rgb;
  for (int t = 0; t < kNumFrames; ++t)
    for (int y = 0; y < kHeight; ++y)
      for (int x = 0; x < kWidth; ++x)
        for (int level : {red_at(x), green_of(t), blue_of(clip)})
          rgb.push_back(static_cast<std::uint8_t>(level));
  EncodeOptions options;
  options.fidelity = Fidelity::lossless;
  return value_or_throw(encode_vp9_webm(rgb, kWidth, kHeight, options));
}

inline std::vector<std::byte> make_garbage() {
  return std::vector<std::byte>(5000, std::byte{0x5a});
}

// What the classes of the store below become in a mirror.
inline FlipMap const kFlipMap{1, 0, 2, -1};

struct TestSet {
  std::unique_ptr<TempFolder> folder = std::make_unique<TempFolder>();
  std::unique_ptr<ClipStore> store;
};

// Clip i has label i % 4; those in `bad` hold no video, and of those in
// `claims` the store says that they have so many frames.
inline TestSet make_set(std::int64_t num_clips,
                        std::set<std::int64_t> const& bad = {},
                        std::map<std::int64_t, int> const& claims = {}) {
  TestSet set;
  ClipStoreContents contents;
  contents.split = "train";
  contents.classes = {"Left", "Right", "Up", "Odd"};
  std::vector<std::vector<std::byte>> files;
  for (std::int64_t i = 0; i < num_clips; ++i) {
    files.push_back(bad.contains(i) ? make_garbage() : make_video(i));
    ClipInfo info;
    info.id = "clip-" + std::to_string(i);
    info.label = static_cast<std::int16_t>(i % 4);
    info.num_frames = static_cast<std::uint32_t>(
        claims.contains(i) ? claims.at(i) : kNumFrames);
    info.width = kWidth;
    info.height = kHeight;
    info.num_bytes = files.back().size();
    info.xxh64 = xxh64(files.back());
    contents.clips.push_back(info);
  }
  auto const path = *set.folder / "clips.h5";
  write_clip_store(Communicator::self(), path, contents,
                   [&](std::int64_t i) -> Result<std::vector<std::byte>> {
                     return files[static_cast<std::size_t>(i)];
                   });
  set.store =
      std::make_unique<ClipStore>(value_or_throw(ClipStore::open(path)));
  return set;
}

// Twenty intact clips, made once.
inline ClipStore const& twenty_clips() {
  static TestSet const set = make_set(20);
  return *set.store;
}

// No augmentation at the source's size: pixels come out as they went in.
inline ClipLoaderOptions plain_options() {
  ClipLoaderOptions options;
  options.sampling.frames = 4;
  options.output = {kWidth, kHeight};
  options.augment.crop = CropKind::none;
  options.augment.flip = FlipKind::none;
  options.augment.jitter = 0.0;
  options.flip_map = kFlipMap;
  options.seed = 3;
  return options;
}

inline ClipLoaderOptions full_options() {
  ClipLoaderOptions options = plain_options();
  options.output = {20, 16};
  options.augment = AugmentConfig{};
  options.augment.flip = FlipKind::swap;
  return options;
}

inline BatchPlan make_plan(std::int64_t num_samples, SampleOrder order) {
  BatchPlanOptions options;
  options.num_samples = num_samples;
  options.global_batch = 7;
  options.micro_batch = 3;
  options.seed = 5;
  options.order = order;
  return BatchPlan(options);
}

// Clip b, frame t, level c, of an NCHW batch.
inline torch::Tensor plane(MicroBatch const& batch, std::int64_t b,
                           std::int64_t t, std::int64_t c) {
  return batch.clips[b][t][c].to(torch::kInt);
}

inline torch::Tensor columns(bool mirrored) {
  auto red = torch::arange(0, kWidth, torch::kInt) * 8;
  if (mirrored) red = red.flip(0);
  return red.expand({kHeight, kWidth});
}

inline std::string key_of(MicroBatch const& batch) {
  auto const bytes_of = [](torch::Tensor const& t) {
    return std::span(static_cast<std::byte const*>(t.const_data_ptr()),
                     t.nbytes());
  };
  return to_hex(xxh64(bytes_of(batch.clips))) + "/" +
         to_hex(xxh64(bytes_of(batch.labels))) + "/" +
         (batch.other_labels.defined()
              ? to_hex(xxh64(bytes_of(batch.other_labels)))
              : "none") +
         fmt::format("/{}/", batch.own_share) +
         fmt::format("{}", fmt::join(batch.samples, " ")) + "/" +
         fmt::format("{}", fmt::join(batch.bad_slots, " "));
}

using Keys = std::map<std::pair<std::int64_t, std::int64_t>, std::string>;

struct World {
  std::int64_t num_ranks = 1;
  std::int64_t num_threads = 1;
};

// Every micro-batch of the steps, by (step, index), as all ranks load them.
inline Keys load_all(ClipStore const& store, ClipLoaderOptions const& options,
                     BatchPlan const& plan, Slice steps, World world) {
  Keys keys;
  for (std::int64_t rank = 0; rank < world.num_ranks; ++rank) {
    ClipLoader const loader(store, options);
    PrefetchOptions prefetch;
    prefetch.num_threads = world.num_threads;
    auto const stream =
        prefetch_batches(loader, plan, steps, rank, world.num_ranks, prefetch);
    while (auto const batch = stream->next())
      EXPECT_TRUE(
          keys.emplace(std::pair(batch->step, batch->index), key_of(*batch))
              .second);
  }
  return keys;
}

inline MicroBatch load_one(ClipLoader const& loader, BatchPlan const& plan,
                           std::int64_t step, std::int64_t index) {
  VideoDecoder decoder;
  auto const job = plan.micro_batch(plan.at(step), index);
  return loader.load(job, plan.epoch_order(job.epoch), decoder);
}

}  // namespace gasm
