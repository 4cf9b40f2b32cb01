// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "gasm/base/hash.hpp"
#include "gasm/care/drift_input.hpp"
#include "gasm/config/load.hpp"
#include "gasm/record/manifest.hpp"
#include "gasm/record/metrics.hpp"
#include "gasm/record/run_folder.hpp"
#include "gasm/store/feature_store.hpp"

namespace gasm {
namespace {

std::int64_t steps_done(RunFolder const& run) {
  std::int64_t last = 0;
  for (auto const& line : value_or_throw(read_metrics(run.metrics())))
    if (line.split == "train") last = std::max(last, line.step);
  return last;
}

/// Features stand in the order of the clips that they were made of.
void look_at_clips(RunBatches& batches) {
  auto const features = value_or_throw(FeatureStore::open(batches.store_path));
  if (to_hex(features.data_hash()) != batches.data_hash)
    throw usage_error(
        "{} is not what the run trained on (data hash {}, the run's {})",
        batches.store_path, to_hex(features.data_hash()), batches.data_hash);
  batches.data_hash = features.contents().clips_hash;
  batches.store_path.clear();
}

RunBatches read_or_throw(RunFolder const& run, std::int64_t num_steps) {
  auto const config = load_config(run.config());
  auto const manifest = value_or_throw(read_manifest(run.manifest()));
  RunBatches batches;
  batches.store_path = config.data.train;
  auto const hash = manifest.data_hashes.find(config.data.train);
  if (hash == manifest.data_hashes.end())
    throw error("{} does not name the data of {}", run.manifest().string(),
                run.config().string());
  batches.data_hash = hash->second;
  if (config.data.source == DataSource::features) look_at_clips(batches);
  batches.global_batch = config.train.global_batch;
  batches.micro_batch = config.train.micro_batch;
  batches.seed = config.run.seed;
  if (config.data.store == StoreMode::stream) {
    batches.order = SampleOrder::blocks;
    batches.block_shuffle = {.block = config.data.stream.block,
                             .window_blocks = config.data.stream.window};
  }
  batches.last_step = steps_done(run);
  batches.first_step = std::max<std::int64_t>(0, batches.last_step - num_steps);
  if (batches.last_step == 0)
    throw error(
        "{} tells of no step yet. Try again later (log.every_steps says how "
        "often it is written)",
        run.metrics().string());
  return batches;
}

}  // namespace

Result<RunBatches> read_run_batches(std::filesystem::path const& run,
                                    std::int64_t num_steps) {
  try {
    return read_or_throw(RunFolder(run), num_steps);
  } catch (Error const& why) {
    return tl::unexpected(why);
  }
}

std::vector<std::int64_t> clips_of(RunBatches const& batches,
                                   std::int64_t num_clips) {
  BatchPlan const plan({.num_samples = num_clips,
                        .global_batch = batches.global_batch,
                        .micro_batch = batches.micro_batch,
                        .seed = batches.seed,
                        .order = batches.order,
                        .block_shuffle = batches.block_shuffle});
  std::vector<std::int64_t> clips;
  for (auto step = batches.first_step; step < batches.last_step; ++step)
    for (auto const& micro : plan.micro_batches(plan.at(step), 0, 1))
      clips.insert(clips.end(), micro.samples.begin(), micro.samples.end());
  return clips;
}

}  // namespace gasm
