// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <stop_token>

#include "gasm/base/result.hpp"
#include "gasm/config/feature_augment_config.hpp"
#include "gasm/data/batch_loader.hpp"
#include "gasm/data/frame_sampling.hpp"
#include "gasm/store/record_file.hpp"

namespace gasm {

class FeatureStore;
class FeatureTable;
class RecordReader;

struct FeatureLoaderOptions {
  SampleMode mode = SampleMode::train;
  FeatureAugmentConfig augment;  ///< training only
  std::uint64_t seed = 0;
  /// Share of the data set that may be unusable before a worker throws.
  double max_bad_fraction = 0.01;
};

/// Micro-batches of features. Training reads one view of each clip, which
/// choose_view (feature_augment.hpp) draws; a test reads all of them, in their
/// order. Values keep the file's type, unless `augment` is on: then they are
/// fp32. Every draw is keyed by (seed, epoch, sample), and that of mixup by
/// (seed, step, micro-batch). A sample is bad if its bytes were changed.
class FeatureLoader : public BatchLoader {
 public:
  /// `store`, and `reader` if given (of that store; without one, records are
  /// read from the file), must outlive the loader. Throws a usage error for a
  /// test on views that were drawn at random.
  FeatureLoader(FeatureStore const& store, FeatureLoaderOptions options,
                RecordReader* reader = nullptr);
  /// The same micro-batches, on the table's device; labels stay on the host.
  /// `table` is of that store and must outlive the loader, too.
  FeatureLoader(FeatureStore const& store, FeatureLoaderOptions options,
                FeatureTable const& table);

  Worker make_worker() const override;
  std::int64_t num_views() const override { return num_views_; }
  std::uint64_t num_bytes_read() const override { return num_bytes_read_; }

  /// What a worker does. Thread-safe.
  MicroBatch load(MicroBatchPlan const& plan, EpochOrder const& order,
                  std::stop_token stop = {}) const;

  FeatureLoaderOptions const& options() const { return options_; }

 private:
  struct Wanted {
    std::int64_t first_record;  ///< of num_views_ that follow each other
    std::int64_t label;
  };
  Wanted choose(std::int64_t sample, std::int64_t epoch) const;
  Result<void> read(std::int64_t record, RecordPlaces const& into) const;
  void augment(MicroBatch& batch) const;

  FeatureStore const& store_;
  RecordReader* reader_;
  FeatureTable const* table_ = nullptr;
  FeatureLoaderOptions options_;
  std::int64_t num_views_;  ///< read of each sample
  mutable std::atomic<std::uint64_t> num_bytes_read_ = 0;
};

/// Which record of `store` a training reads of a sample in an epoch, for
/// AheadOptions.
std::function<std::int64_t(std::int64_t epoch, std::int64_t sample)>
training_record_of(FeatureStore const& store, std::uint64_t seed);

}  // namespace gasm
