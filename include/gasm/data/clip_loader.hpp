// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>

#include "gasm/base/result.hpp"
#include "gasm/data/augment.hpp"
#include "gasm/data/frame_sampling.hpp"
#include "gasm/data/micro_batch.hpp"
#include "gasm/data/prefetch.hpp"
#include "gasm/data/step_plan.hpp"

namespace gasm {

class ClipStore;
class VideoDecoder;

struct ClipLoaderOptions {
  SampleMode mode = SampleMode::train;
  std::int64_t num_frames = 16;
  std::int64_t height = 224;  ///< of the output
  std::int64_t width = 224;
  FrameOrder frame_order = FrameOrder::chronological;
  AugmentOptions augment;  ///< eval: only what is not random (augment.hpp)
  FlipMap flip_map;        ///< one entry a class; needed when flip is not none
  std::uint64_t seed = 0;
  /// Share of the data set that may fail to decode before load() throws.
  double max_bad_fraction = 0.001;
};

/// From a planned micro-batch to tensors. Every draw is keyed by (seed,
/// epoch, sample): the batch is the same bit for bit on any rank and thread.
///
/// A clip that cannot be decoded is logged once, counted, and replaced by
/// the one at the next position of the epoch's order (and so on, around the
/// end), which is the same for any number of ranks. The budget is on
/// different bad clips met by this process.
class ClipLoader {
 public:
  /// `store` must outlive the loader. Throws a usage error for options out
  /// of range or a flip map that does not fit the store's classes.
  ClipLoader(ClipStore const& store, ClipLoaderOptions options);
  ~ClipLoader();

  /// Thread-safe with one decoder a thread. Throws Error naming the clips
  /// when more of them are bad than the budget allows, or all are. Returns
  /// an undefined batch when `stop` is requested on the way.
  MicroBatch load(MicroBatchPlan const& plan, EpochOrder const& order,
                  VideoDecoder& decoder, std::stop_token stop = {}) const;

  /// One clip into `out` u8 [T, 3, H, W]; its label, or why not.
  Result<std::int64_t> load_clip(std::int64_t sample, std::int64_t epoch,
                                 VideoDecoder& decoder,
                                 std::span<std::uint8_t> out) const;

  /// Bytes of one clip: T * 3 * H * W.
  std::size_t clip_bytes() const;

  /// Different samples found bad so far.
  std::int64_t num_bad() const;

  ClipLoaderOptions const& options() const { return options_; }

 private:
  void note_bad(std::int64_t sample, Error const& why) const;

  ClipStore const& store_;
  ClipLoaderOptions options_;
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
