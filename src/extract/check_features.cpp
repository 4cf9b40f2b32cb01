// SPDX-License-Identifier: Apache-2.0
#include "gasm/extract/check_features.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <vector>

#include "gasm/base/hash.hpp"
#include "gasm/base/rng.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/data/permutation.hpp"
#include "gasm/extract/feature_recipe.hpp"
#include "gasm/store/feature_store.hpp"
#include "gasm/store/provenance.hpp"
#include "unit_maker.hpp"

namespace gasm {
namespace {

/// A unit, and which of its clips are compared.
using Work = std::map<std::int64_t, std::vector<std::int64_t>>;

Work draw(FeatureStore const& store, FeatureCheckOptions const& options) {
  Permutation const order(store.size(), Rng{options.seed});
  auto const num = std::min(options.num_clips, store.size());
  Work work;
  for (std::int64_t i = 0; i < num; ++i) {
    auto const clip = order.at(i);
    work[clip / store.contents().batch].push_back(clip);
  }
  return work;
}

/// Every rank's part: whole units, in turn.
Work share_of(Work const& all, Communicator const& world) {
  Work mine;
  int turn = 0;
  for (auto const& [unit, clips] : all)
    if (turn++ % world.size() == world.rank()) mine.emplace(unit, clips);
  return mine;
}

void check_same_source(FeatureStore const& store, ClipStore const& clips,
                       std::string const& recipe) {
  if (store.contents().clips_hash != to_hex(clips.data_hash()))
    throw usage_error(
        "{} was made of other clips than {} (data hash {} and {}). Try the "
        "clips of its extraction",
        store.path().string(), clips.path().string(),
        store.contents().clips_hash, to_hex(clips.data_hash()));
  auto const differs = compare_provenance(store.contents().provenance, recipe);
  if (!differs.empty())
    throw usage_error(
        "{} was made in another way than this configuration would ({}). Try "
        "the configuration of its extraction",
        store.path().string(), differs);
}

/// Largest |a - b| over largest |b|.
double difference(at::Tensor const& made, std::span<std::byte const> stored) {
  auto const there = at::from_blob(const_cast<std::byte*>(stored.data()),
                                   made.sizes(), made.scalar_type())
                         .to(at::kFloat);
  auto const largest = there.abs().max().item<double>();
  auto const apart = (made.to(at::kFloat) - there).abs().max().item<double>();
  return apart == 0.0 ? 0.0 : apart / std::max(largest, 1e-30);
}

/// All views of one clip.
double compare(FeatureStore const& store, std::int64_t clip,
               UnitFeatures const& made) {
  auto const row = clip % store.contents().batch;
  double worst = 0.0;
  for (std::int64_t view = 0; view < store.num_views(); ++view) {
    auto const record =
        value_or_throw(read_record(store, store.record_of(clip, view)));
    std::size_t part = 0;
    for (auto const* stream : {&made.semantic, &made.motion})
      if (stream->defined())
        worst = std::max(
            worst, difference((*stream)[row][view], record.parts[part++]));
  }
  return worst;
}

struct Found {
  std::int64_t num_clips = 0;
  std::int64_t num_equal = 0;
  double worst = 0.0;
  std::int64_t worst_clip = 0;
};

Found check_share(RunConfig const& config, ClipStore const& clips,
                  FeatureStore const& store, Work const& work,
                  FeatureCheckOptions const& options) {
  Found found;
  UnitMaker maker(config, clips, store.contents());
  auto const prefetched = maker.prefetch(
      [unit = work.begin(),
       end = work.end()]() mutable -> std::optional<std::int64_t> {
        if (unit == end) return std::nullopt;
        return (unit++)->first;
      });
  std::int64_t num_done = 0;
  while (auto const unit = prefetched->next()) {
    auto const made = maker.make(*unit, options.on_batch);
    for (auto const clip : work.at(unit->unit)) {
      auto const apart = compare(store, clip, made);
      ++found.num_clips;
      if (apart == 0.0) ++found.num_equal;
      if (apart > found.worst) {
        found.worst = apart;
        found.worst_clip = clip;
      }
    }
    if (options.on_unit)
      options.on_unit(++num_done, static_cast<std::int64_t>(work.size()));
  }
  return found;
}

}  // namespace

FeatureCheck check_features(Communicator const& world, RunConfig const& config,
                            FeatureCheckOptions const& options) {
  auto const clips = agree(world, ClipStore::open(options.clips));
  auto const store = agree(world, FeatureStore::open(options.features));
  auto const mine = agree_call(world, [&] {
    if (world.is_root())
      check_same_source(store, clips,
                        feature_recipe(config, store.contents().views));
    return check_share(config, clips, store,
                       share_of(draw(store, options), world), options);
  });
  FeatureCheck check;
  std::int64_t worst_clip = 0;
  for (auto const& found : world.all_gather(mine)) {
    check.num_clips += found.num_clips;
    check.num_equal += found.num_equal;
    if (found.worst > check.worst) worst_clip = found.worst_clip;
    check.worst = std::max(check.worst, found.worst);
  }
  check.worst_id = store.id(worst_clip);
  return check;
}

}  // namespace gasm
