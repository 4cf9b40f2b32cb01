// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdint>
#include <fstream>
#include <memory>
#include <set>
#include <vector>

#include "gasm/data/feature_loader.hpp"
#include "gasm/store/feature_store.hpp"
#include "support/feature_files.hpp"
#include "support/temp_folder.hpp"

// Stores of fake features, and their micro-batches, for tests of loaders.

namespace gasm {

struct FeatureSet {
  FeatureStoreContents contents;
  std::unique_ptr<TempFolder> folder = std::make_unique<TempFolder>();
  std::unique_ptr<FeatureStore> store;
};

/// A store of fake_contents, with changes; in the clips of `bad` a byte of
/// each view's last stream is another.
inline FeatureSet make_set(FeatureStoreContents const& contents,
                           std::set<std::int64_t> const& bad = {}) {
  FeatureSet set;
  set.contents = contents;
  auto const path = *set.folder / "features.h5";
  write_fake_store(Communicator::self(), path, contents);
  set.store =
      std::make_unique<FeatureStore>(value_or_throw(FeatureStore::open(path)));
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  for (auto const clip : bad)
    for (std::int64_t view = 0; view < contents.num_views; ++view) {
      auto const range = set.store->range(set.store->record_of(clip, view),
                                          set.store->num_parts() - 1);
      file.seekp(static_cast<long>(range.start + 1));
      file.put('\x7b');  // no fake value has this byte
    }
  return set;
}

/// 13 clips of 3 views.
inline FeatureSet const& plain_set() {
  static FeatureSet const set = make_set(fake_contents(13, 3));
  return set;
}

inline BatchPlan make_plan(std::int64_t num_samples, SampleOrder order) {
  return BatchPlan({.num_samples = num_samples,
                    .global_batch = 5,
                    .micro_batch = 3,
                    .seed = 5,
                    .order = order,
                    .block_shuffle = {.block = 2, .window_blocks = 3}});
}

inline MicroBatch load_one(FeatureLoader const& loader, BatchPlan const& plan,
                           std::int64_t step, std::int64_t index) {
  auto const job = plan.micro_batch(plan.at(step), index);
  return loader.load(job, plan.epoch_order(job.epoch));
}

inline std::vector<MicroBatch> load_steps(FeatureLoader const& loader,
                                          BatchPlan const& plan, Slice steps) {
  std::vector<MicroBatch> batches;
  for (auto step = steps.begin; step < steps.end; ++step)
    for (std::int64_t i = 0; i < plan.at(step).num_micro; ++i)
      batches.push_back(load_one(loader, plan, step, i));
  return batches;
}

inline FeatureLoaderOptions test_options() {
  FeatureLoaderOptions options;
  options.mode = SampleMode::eval;
  return options;
}

inline FeatureLoaderOptions augmented() {
  FeatureLoaderOptions options;
  options.seed = 11;
  options.augment = {
      .time_jitter = 1, .token_dropout = 0.3, .noise = 0.1, .mixup_alpha = 0};
  return options;
}

inline bool same(at::Tensor const& a, at::Tensor const& b) {
  return a.defined() == b.defined() && (!a.defined() || a.equal(b));
}

inline void expect_equal(MicroBatch const& a, MicroBatch const& b) {
  EXPECT_TRUE(same(a.semantic, b.semantic));
  EXPECT_TRUE(same(a.motion, b.motion));
  EXPECT_TRUE(same(a.labels, b.labels));
  EXPECT_TRUE(same(a.other_labels, b.other_labels));
  EXPECT_EQ(a.own_share, b.own_share);
  EXPECT_EQ(a.samples, b.samples);
  EXPECT_EQ(a.bad_slots, b.bad_slots);
}

}  // namespace gasm
