// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "gasm/base/result.hpp"
#include "gasm/data/bad_samples.hpp"
#include "gasm/data/micro_batch.hpp"
#include "gasm/data/prefetch.hpp"
#include "gasm/data/step_plan.hpp"

namespace gasm {

/// From a planned micro-batch to tensors: of clips (clip_loader.hpp) or of
/// features (feature_loader.hpp). The batch is the same bit for bit on any
/// rank and thread.
///
/// A sample that cannot be used is logged once, counted, and replaced by the
/// one at the next position of the epoch's order (and so on, around the end):
/// the same one for any number of ranks. A worker throws when this process
/// alone has met more different bad samples than the budget allows; what all
/// ranks met together, check_budget() judges.
class BatchLoader {
 public:
  virtual ~BatchLoader() = default;
  BatchLoader(BatchLoader const&) = delete;
  BatchLoader& operator=(BatchLoader const&) = delete;

  /// `order` is that of the plan's epoch. Once the token is set it returns
  /// early and leaves the tensors undefined.
  using Worker = std::function<MicroBatch(
      MicroBatchPlan const& plan, EpochOrder const& order, std::stop_token)>;

  /// Loads on one thread; the loader must outlive it.
  virtual Worker make_worker() const = 0;
  /// V of its micro-batches.
  virtual std::int64_t num_views() const = 0;
  /// From the store, so far.
  virtual std::uint64_t num_bytes_read() const = 0;

  /// Fails if `num_bad` samples of one pass over the store, on all ranks
  /// together, are more than max_bad_fraction allows.
  Result<void> check_budget(std::int64_t num_bad) const {
    return bad_.check_budget(num_bad);
  }
  /// Different samples found bad so far by this process.
  std::int64_t num_bad() const { return bad_.size(); }

 protected:
  BatchLoader(SampleStore const& store, double max_bad_fraction)
      : store_path_(store_path(store)), bad_(store, max_bad_fraction) {}

  struct Loaded {
    std::int64_t sample;
    std::int64_t label;
  };
  /// The sample at `position`, or its substitute: the first that `load` gives
  /// a label of.
  Loaded load_or_replace(
      std::int64_t position, EpochOrder const& order,
      std::function<Result<std::int64_t>(std::int64_t sample)> const& load)
      const;

 private:
  static std::string store_path(SampleStore const& store);

  std::string store_path_;
  mutable BadSamples bad_;
};

using MicroBatchPrefetcher = Prefetcher<MicroBatchPlan, MicroBatch>;

/// The micro-batches of `rank` from step steps.begin up to steps.end, in
/// order, made by `num_threads` threads with a worker each. `loader` must
/// outlive it.
std::unique_ptr<MicroBatchPrefetcher> prefetch_batches(
    BatchLoader const& loader, BatchPlan const& plan, Slice steps,
    std::int64_t rank, std::int64_t num_ranks, PrefetchOptions const& options);

/// A tensor on the CPU that batches are made in: pinned where a GPU is there,
/// so that it is copied to the device while the device computes.
at::Tensor host_tensor(at::IntArrayRef sizes, at::ScalarType type);

}  // namespace gasm
