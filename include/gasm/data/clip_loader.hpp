// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <stop_token>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/data/augment.hpp"
#include "gasm/data/frame_sampling.hpp"
#include "gasm/data/micro_batch.hpp"
#include "gasm/data/prefetch.hpp"
#include "gasm/data/step_plan.hpp"

namespace gasm {

struct ClipInfo;
class ClipStore;
class RecordReader;
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

/// From a planned micro-batch to tensors. Every draw is keyed by (seed,
/// epoch, sample), and that of mixing by (seed, step, micro-batch): the batch
/// is the same bit for bit on any rank and thread. In evaluation nothing
/// depends on the epoch.
///
/// A clip that cannot be decoded to its last wanted frame is logged once,
/// counted, and replaced by the one at the next position of the epoch's order
/// (and so on, around the end): the same one for any number of ranks. load()
/// ends when this process alone has met more different bad clips than the
/// budget allows; what all ranks met together, check_budget() judges.
class ClipLoader {
 public:
  /// `store`, and `reader` if given (of that store; without one, records are
  /// read from the file), must outlive the loader. Throws a usage error for
  /// options out of range or a flip map that does not fit the store's classes.
  ClipLoader(ClipStore const& store, ClipLoaderOptions options,
             RecordReader* reader = nullptr);

  /// Thread-safe with one decoder a thread; `order` is that of the plan's
  /// epoch. Throws Error naming the clips when more of them are bad than the
  /// budget allows, or all are. Once `stop` is requested, returns early and
  /// leaves the tensors undefined.
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

  /// Fails if `num_bad` clips of one pass over the store, on all ranks
  /// together, are more than max_bad_fraction allows.
  Result<void> check_budget(std::int64_t num_bad) const;

  /// Different samples found bad so far by this process.
  std::int64_t num_bad() const;

  /// Of video files, so far.
  std::uint64_t num_bytes_read() const { return num_bytes_read_; }

  ClipLoaderOptions const& options() const { return options_; }

 private:
  struct Loaded {
    std::int64_t sample;
    std::int64_t label;
  };

  /// The frames of all clips in time, one clip after the other.
  Result<std::vector<int>> choose_frames(std::span<std::byte const> file,
                                         ClipInfo const& info, Rng& rng,
                                         VideoDecoder& decoder) const;
  void mix(MicroBatch& batch, std::span<std::uint8_t> clips) const;
  Loaded load_slot(std::int64_t position, std::int64_t epoch,
                   EpochOrder const& order, VideoDecoder& decoder,
                   std::span<std::uint8_t> out) const;
  bool is_within_budget(std::int64_t num_bad) const;
  void note_bad(std::int64_t sample, Error const& why) const;

  ClipStore const& store_;
  RecordReader* reader_;
  ClipLoaderOptions options_;
  AugmentConfig augment_;  ///< as it holds in options_.mode
  mutable std::atomic<std::uint64_t> num_bytes_read_ = 0;
  mutable std::mutex mutex_;
  mutable std::set<std::int64_t> bad_;
};

using MicroBatchPrefetcher = Prefetcher<MicroBatchPlan, MicroBatch>;

/// The micro-batches of `rank` from step steps.begin up to steps.end, in
/// order, made by `num_threads` threads with a decoder each. `loader` must
/// outlive it.
std::unique_ptr<MicroBatchPrefetcher> prefetch_clips(
    ClipLoader const& loader, BatchPlan const& plan, Slice steps,
    std::int64_t rank, std::int64_t num_ranks, PrefetchOptions const& options);

}  // namespace gasm
