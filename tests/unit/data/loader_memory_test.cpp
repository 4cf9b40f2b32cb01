// SPDX-License-Identifier: Apache-2.0
// Memory stays flat over as many batches as a job of days reads.
#include <gtest/gtest.h>

#include <string>

#include "gasm/base/memory_use.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/data/ahead_readers.hpp"
#include "gasm/data/feature_loader.hpp"
#include "gasm/data/random_features.hpp"
#include "gasm/store/feature_store.hpp"
#include "gasm/store/record_reader.hpp"
#include "support/temp_folder.hpp"

namespace gasm {
namespace {

constexpr std::int64_t kNumBatches = 50'000;
/// Until threads, pools and the store's two windows are there.
constexpr std::int64_t kNumFirst = 2'000;
constexpr std::int64_t kBatch = 8;

enum class Mode { resident, exchange, stream, direct };

BatchPlan plan_of(Mode mode, std::int64_t num_samples) {
  return BatchPlan({.num_samples = num_samples,
                    .global_batch = kBatch,
                    .micro_batch = kBatch,
                    .order = mode == Mode::stream ? SampleOrder::blocks
                                                  : SampleOrder::shuffled,
                    .block_shuffle = {.block = 16, .window_blocks = 4}});
}

std::unique_ptr<RecordReader> make_reader(Mode mode,
                                          FeatureStore const& store) {
  auto const self = Communicator::self();
  AheadOptions const ahead{.plan = plan_of(mode, store.size()),
                           .total_steps = kNumFirst + kNumBatches,
                           .depth = 4};
  switch (mode) {
    case Mode::resident:
      return make_resident_reader(self, store);
    case Mode::exchange:
      return make_exchange_reader(self, store, ahead);
    case Mode::stream:
      return make_stream_reader(store, ahead, 0, 1);
    case Mode::direct:
      return make_direct_reader(store);
  }
  return nullptr;
}

class LoaderMemory : public testing::TestWithParam<Mode> {};

TEST_P(LoaderMemory, GrowsLessThan2MbOver50000Batches) {
  TempFolder const folder;
  auto const path = folder.path() / "features.h5";
  write_random_features(
      Communicator::self(), path,
      {.num_samples = 300, .semantic = {1, 9, 64}, .motion = {4, 1, 32}});
  auto const store =
      value_or_throw(FeatureStore::open(path, ByteCheck::first_read));
  auto const plan = plan_of(GetParam(), store.size());
  auto const reader = make_reader(GetParam(), store);
  FeatureLoader const loader(store, {}, reader.get());
  reader->begin_step(0);
  auto batches = prefetch_batches(loader, plan, {0, kNumFirst + kNumBatches}, 0,
                                  1, {.num_threads = 2, .depth = 4});
  std::int64_t num_samples = 0;
  auto const take = [&](std::int64_t first, std::int64_t last) {
    for (auto step = first; step < last; ++step) {
      reader->begin_step(step);
      num_samples += batches->next()->size();
    }
  };
  take(0, kNumFirst);
  auto const before = resident_bytes();
  ASSERT_GT(before, 0);
  take(kNumFirst, kNumFirst + kNumBatches);
  auto const grown_bytes = resident_bytes() - before;
  RecordProperty("grown_bytes", std::to_string(grown_bytes));
  EXPECT_LT(grown_bytes, 2'000'000);
  // 37 batches of 8 and one of 4 an epoch.
  auto const num_steps = kNumFirst + kNumBatches;
  EXPECT_EQ(num_samples, kBatch * num_steps - num_steps / 38 * 4);
  batches.reset();
  reader->close();
}

INSTANTIATE_TEST_SUITE_P(All, LoaderMemory,
                         testing::Values(Mode::resident, Mode::exchange,
                                         Mode::stream, Mode::direct));

}  // namespace
}  // namespace gasm
