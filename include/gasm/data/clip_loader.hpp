// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <stop_token>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/data/augment.hpp"
#include "gasm/data/batch_loader.hpp"
#include "gasm/data/frame_sampling.hpp"

namespace gasm {

struct ClipInfo;
class ClipStore;
class RecordReader;
struct RunConfig;
class VideoDecoder;

/// The views of one sample in a test: every clip in time with every window.
struct TestViews {
  int num_clips = 1;
  int num_crops = 1;

  int size() const { return num_clips * num_crops; }
};

struct ClipLoaderOptions {
  SampleMode mode = SampleMode::train;
  SamplingConfig sampling;
  TestViews views;  ///< eval: clips and windows of each sample
  FrameSize output{224, 224};
  AugmentConfig augment;  ///< eval: only what is not random (augment.hpp)
  FlipMap flip_map;       ///< one entry a class; needed if flip is not none
  std::uint64_t seed = 0;
  /// Share of the data set that may fail to decode before load() throws.
  double max_bad_fraction = 0.01;
};

/// What a run configuration says of them; `flip_map` is that of the store.
ClipLoaderOptions clip_loader_options(RunConfig const& config,
                                      ClipStore const& store, SampleMode mode,
                                      TestViews views = {});

/// Micro-batches of clips. Every draw is keyed by (seed, epoch, sample), and
/// that of mixing by (seed, step, micro-batch). In evaluation nothing depends
/// on the epoch. A clip is bad if it cannot be decoded to its last wanted
/// frame.
class ClipLoader : public BatchLoader {
 public:
  /// `store`, and `reader` if given (of that store; without one, records are
  /// read from the file), must outlive the loader. Throws a usage error for
  /// options out of range or a flip map that does not fit the store's classes.
  ClipLoader(ClipStore const& store, ClipLoaderOptions options,
             RecordReader* reader = nullptr);

  Worker make_worker() const override;
  std::int64_t num_views() const override { return options_.views.size(); }
  std::uint64_t num_bytes_read() const override { return num_bytes_read_; }

  /// What a worker does. Thread-safe with one decoder a thread.
  MicroBatch load(MicroBatchPlan const& plan, EpochOrder const& order,
                  VideoDecoder& decoder, std::stop_token stop = {}) const;

  /// One sample into `out` u8 [V, T, 3, H, W], sample_bytes() in all; its views
  /// in the order of (clip, window). Its label, or why there is no clip.
  Result<std::int64_t> load_clip(std::int64_t sample, std::int64_t epoch,
                                 VideoDecoder& decoder,
                                 std::span<std::uint8_t> out) const;

  /// T * 3 * H * W
  std::size_t clip_bytes() const;
  /// V * clip_bytes()
  std::size_t sample_bytes() const;

  ClipLoaderOptions const& options() const { return options_; }

 private:
  /// The frames of all clips in time, one clip after the other.
  Result<std::vector<int>> choose_frames(std::span<std::byte const> file,
                                         ClipInfo const& info, Rng& rng,
                                         VideoDecoder& decoder) const;
  void mix(MicroBatch& batch, std::span<std::uint8_t> clips) const;

  ClipStore const& store_;
  RecordReader* reader_;
  ClipLoaderOptions options_;
  AugmentConfig augment_;  ///< as it holds in options_.mode
  mutable std::atomic<std::uint64_t> num_bytes_read_ = 0;
};

}  // namespace gasm
