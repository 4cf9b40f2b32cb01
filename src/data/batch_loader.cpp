// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/batch_loader.hpp"

#include <utility>

#include "gasm/base/error.hpp"
#include "gasm/store/sample_store.hpp"

namespace gasm {

std::string BatchLoader::store_path(SampleStore const& store) {
  return store.path().string();
}

BatchLoader::Loaded BatchLoader::load_or_replace(
    std::int64_t position, EpochOrder const& order,
    std::function<Result<std::int64_t>(std::int64_t sample)> const& load)
    const {
  for (std::int64_t tries = 0; tries < order.size(); ++tries) {
    auto const sample = order.sample_at((position + tries) % order.size());
    // Tried anew even if it was bad before: substitutes must not depend on
    // what this process has met.
    auto const label = load(sample);
    if (label) return {sample, *label};
    bad_.note(sample, label.error());
  }
  throw error("no clip of {} can be used. Try gasm data verify", store_path_);
}

std::unique_ptr<MicroBatchPrefetcher> prefetch_batches(
    BatchLoader const& loader, BatchPlan const& plan, Slice steps,
    std::int64_t rank, std::int64_t num_ranks, PrefetchOptions const& options) {
  auto jobs = [cursor = RankCursor(plan, steps, rank, num_ranks)]() mutable {
    return cursor.next();
  };
  auto make_worker = [&loader, plan] {
    return [worker = loader.make_worker(), plan](MicroBatchPlan const& job,
                                                 std::stop_token stop) {
      return worker(job, plan.epoch_order(job.epoch), stop);
    };
  };
  return std::make_unique<MicroBatchPrefetcher>(std::move(jobs), make_worker,
                                                options);
}

at::Tensor host_tensor(at::IntArrayRef sizes, at::ScalarType type) {
  static bool const is_pinned = torch::cuda::is_available();
  return at::empty(sizes,
                   at::TensorOptions().dtype(type).pinned_memory(is_pinned));
}

}  // namespace gasm
