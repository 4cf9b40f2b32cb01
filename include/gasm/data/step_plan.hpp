// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "gasm/data/sampler.hpp"

namespace gasm {

/// Which samples every step, micro-batch and rank takes. All of it is
/// arithmetic on (options, step, rank, number of ranks): the cursor of a run
/// is its global step, and a run goes on at any world size.
///
/// A micro-batch is a fixed slice of the global batch and the unit of all
/// that depends on batch composition (batch-norm statistics, generators).
/// The number of ranks decides who computes it and never what is in it.

/// A half-open range.
struct Slice {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  std::int64_t size() const { return end - begin; }
  bool operator==(Slice const&) const = default;
};

/// How many micro-batches a batch of `num_samples` is cut into:
/// ceil(num_samples / micro_batch), but one less where one of them would hold
/// a single sample (micro_batch 2 and an odd batch: one then holds 3).
std::int64_t num_micro_batches(std::int64_t num_samples,
                               std::int64_t micro_batch);

/// The samples of micro-batch `index` of `num_micro` within its batch:
/// [index * n / num_micro, (index + 1) * n / num_micro), so that sizes differ
/// by at most one.
Slice micro_batch_slice(std::int64_t num_samples, std::int64_t num_micro,
                        std::int64_t index);

/// The micro-batches that `rank` of `num_ranks` owns, contiguous:
/// [rank * k / num_ranks, (rank + 1) * k / num_ranks); may be empty.
Slice rank_range(std::int64_t num_micro, std::int64_t rank,
                 std::int64_t num_ranks);

/// One micro-batch to be loaded.
struct MicroBatchPlan {
  std::int64_t step = 0;   ///< global step, from 0
  std::int64_t epoch = 0;  ///< from 0
  std::int64_t index = 0;  ///< within its step, from 0; the same on any rank
  Slice positions;         ///< within the epoch's order
  std::vector<std::int64_t> samples;  ///< the sample at each position
};

/// One optimiser step.
struct StepPlan {
  std::int64_t step = 0;
  std::int64_t epoch = 0;
  Slice positions;             ///< of the global batch in the epoch's order
  std::int64_t num_micro = 0;  ///< micro-batches of all ranks together

  std::int64_t num_samples() const { return positions.size(); }
};

enum class SampleOrder { shuffled, blocks, sequential };

struct BatchPlanOptions {
  std::int64_t num_samples = 0;   ///< in the data set; > 0
  std::int64_t global_batch = 1;  ///< samples a step, over all ranks
  std::int64_t micro_batch = 1;   ///< samples that meet in one forward
  std::uint64_t seed = 0;
  SampleOrder order = SampleOrder::shuffled;
  BlockShuffle block_shuffle = {};  ///< for SampleOrder::blocks
};

/// The plan of a whole run. Each sample counts exactly once an epoch: the
/// last global batch of an epoch is smaller, nothing is padded or dropped. A
/// rest of one sample joins the batch before it. So no micro-batch holds a
/// single sample, for which there are no batch statistics, unless the batch
/// sizes or the data set are 1.
class BatchPlan {
 public:
  /// Throws a usage error for sizes below 1.
  explicit BatchPlan(BatchPlanOptions const& options);

  /// ceil(num_samples / global_batch), one less for a rest of one.
  std::int64_t steps_per_epoch() const;

  StepPlan at(std::int64_t step) const;

  /// Micro-batch `index` of a step, samples in order.
  MicroBatchPlan micro_batch(StepPlan const& step, std::int64_t index) const;

  /// Those of `rank`, in order; empty if there are more ranks than work.
  std::vector<MicroBatchPlan> micro_batches(StepPlan const& step,
                                            std::int64_t rank,
                                            std::int64_t num_ranks) const;

  EpochOrder epoch_order(std::int64_t epoch) const;
  BatchPlanOptions const& options() const { return options_; }

 private:
  BatchPlanOptions options_;
};

/// The micro-batches of one rank from `steps.begin` up to `steps.end`, one
/// call each: the job source of a Prefetcher. Steps in which the rank owns
/// nothing are passed over.
class RankCursor {
 public:
  RankCursor(BatchPlan const& plan, Slice steps, std::int64_t rank,
             std::int64_t num_ranks);

  /// nullopt after the last one.
  std::optional<MicroBatchPlan> next();

 private:
  void enter_step();

  BatchPlan plan_;
  Slice steps_;
  std::int64_t rank_;
  std::int64_t num_ranks_;
  StepPlan step_;
  Slice todo_;
};

}  // namespace gasm
