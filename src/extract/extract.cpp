// SPDX-License-Identifier: Apache-2.0
#include "gasm/extract/extract.hpp"

#include <algorithm>
#include <atomic>
#include <vector>

#include "finished_file.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/comm/work_counter.hpp"
#include "gasm/extract/feature_recipe.hpp"
#include "unit_maker.hpp"

namespace gasm {
namespace {

constexpr double kSyncEvery_s = 1.0;

/// Collective.
FeatureStoreContents plan(Communicator const& world, RunConfig const& config,
                          ExtractOptions const& options,
                          ClipStore const& clips) {
  auto const views =
      options.num_random_views ? FeatureViews::random : FeatureViews::test;
  auto const recipe = shared_feature_recipe(world, config, views);
  return plan_features(
      config, clips, views,
      options.num_random_views.value_or(config.eval.clips * config.eval.crops),
      options.type, options.batch, recipe);
}

/// This machine's part of the units that are not done: as many as it has
/// ranks. Collective.
std::vector<std::int64_t> units_here(Communicator const& world,
                                     Communicator const& node,
                                     FeatureWriter const& writer) {
  std::vector<std::int64_t> todo;
  for (std::int64_t unit = 0; unit < writer.num_units(); ++unit)
    if (!writer.is_done(unit)) todo.push_back(unit);
  auto first_rank = world.rank();
  node.broadcast(first_rank);
  std::int64_t num_before = 0;
  for (auto const other : world.all_gather(first_rank))
    num_before += other < first_rank ? 1 : 0;
  auto const num = static_cast<std::int64_t>(todo.size());
  auto const begin = num * num_before / world.size();
  auto const end = num * (num_before + node.size()) / world.size();
  return {todo.begin() + begin, todo.begin() + end};
}

struct WorkTimes {
  bool is_stopped = false;
  double wait_s = 0.0;
  double total_s = 0.0;
};

/// This rank's part of the work. Not collective.
WorkTimes work(std::vector<std::int64_t> const& units, WorkCounter& counter,
               UnitMaker& maker, FeatureWriter& writer,
               ExtractOptions const& options) {
  auto const num = static_cast<std::int64_t>(units.size());
  std::atomic<std::int64_t> num_taken = 0;  // the reading threads count
  auto const clips = maker.prefetch([&]() -> std::optional<std::int64_t> {
    auto const next = counter.next();
    if (next >= num) return std::nullopt;
    num_taken = next + 1;
    return units[static_cast<std::size_t>(next)];
  });
  WorkTimes times;
  double const start_s = monotonic_s();
  double synced_s = start_s;
  while (auto const unit = clips->next()) {
    auto const features = maker.make(*unit, options.on_batch);
    value_or_throw(writer.write(unit->unit, features.semantic_bytes(),
                                features.motion_bytes(), features.view_labels));
    if (monotonic_s() - synced_s > kSyncEvery_s) {
      value_or_throw(writer.sync());
      synced_s = monotonic_s();
    }
    if (options.on_unit) options.on_unit(num_taken, num);
    if (options.should_stop && options.should_stop()) {
      times.is_stopped = true;
      counter.stop();
    }
  }
  if (options.on_unit) options.on_unit(num, num);
  times.wait_s = clips->stats().data_wait_s;
  times.total_s = monotonic_s() - start_s;
  return times;
}

/// An error of one rank ends the work of its machine, and what is made by then
/// is kept. Collective.
WorkTimes work_on_all(Communicator const& world, RunConfig const& config,
                      ClipStore const& clips, FeatureWriter& writer,
                      FeatureStoreContents const& contents,
                      ExtractOptions const& options) {
  auto node = world.node_local();
  auto const units = units_here(world, node, writer);
  WorkCounter counter(node);
  auto const mine = caught([&] {
    UnitMaker maker(config, clips, contents);
    return work(units, counter, maker, writer, options);
  });
  if (!mine) counter.stop();
  auto const kept = writer.sync();
  agree_failures(world, mine ? std::nullopt : std::optional(mine.error()));
  agree_ok(world, kept);
  counter.close();
  node.close();
  return {.is_stopped = world.all_reduce_max(int{mine->is_stopped}) > 0,
          .wait_s = world.all_reduce_sum(mine->wait_s) / world.size(),
          .total_s = world.all_reduce_max(mine->total_s)};
}

}  // namespace

ExtractSummary extract_features(Communicator const& world,
                                RunConfig const& config,
                                ExtractOptions const& options) {
  auto const clips = agree(world, ClipStore::open(options.clips));
  auto const contents = plan(world, config, options, clips);
  ExtractSummary summary;
  summary.num_clips = clips.size();
  summary.num_views = contents.num_views;
  summary.num_bytes = static_cast<std::uint64_t>(contents.num_records()) *
                      (contents.semantic_bytes() + contents.motion_bytes());
  summary.data_hash =
      find_finished(world, options.output, options.unfinished, contents);
  summary.was_there = summary.data_hash != 0;
  if (summary.was_there) return summary;

  auto writer =
      FeatureWriter::open(world, options.output, contents, options.unfinished);
  summary.num_units = writer.num_units();
  for (std::int64_t unit = 0; unit < writer.num_units(); ++unit)
    summary.num_units_before += writer.is_done(unit) ? 1 : 0;
  auto const times =
      work_on_all(world, config, clips, writer, contents, options);
  summary.wait_s = times.wait_s;
  summary.total_s = times.total_s;
  summary.is_complete = !times.is_stopped;
  if (!summary.is_complete) return summary;
  writer.finish(world);
  summary.data_hash =
      find_finished(world, options.output, UnfinishedUse::go_on, contents);
  return summary;
}

}  // namespace gasm
