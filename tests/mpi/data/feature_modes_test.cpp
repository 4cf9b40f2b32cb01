// SPDX-License-Identifier: Apache-2.0
// The store modes on features: an epoch reads one of three views of a sample,
// and a record has two parts.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <vector>

#include "gasm/data/ahead_readers.hpp"
#include "gasm/data/feature_augment.hpp"
#include "gasm/store/feature_store.hpp"
#include "gasm/store/record_reader.hpp"
#include "support/feature_files.hpp"
#include "support/mpi_main.hpp"

namespace gasm {
namespace {

enum class Mode { direct, resident, exchange, stream };

constexpr std::int64_t kNumClips = 61;
constexpr std::int64_t kNumViews = 3;
constexpr std::int64_t kTotalSteps = 24;  // more than three epochs
constexpr std::uint64_t kSeed = 4;

BatchPlan plan_of(Mode mode) {
  return BatchPlan({.num_samples = kNumClips,
                    .global_batch = 9,
                    .micro_batch = 2,
                    .seed = kSeed,
                    .order = mode == Mode::stream ? SampleOrder::blocks
                                                  : SampleOrder::shuffled,
                    .block_shuffle = {.block = 4, .window_blocks = 3}});
}

std::int64_t view_of(std::int64_t epoch, std::int64_t sample) {
  return choose_view(kSeed, epoch, sample, kNumViews);
}

std::unique_ptr<RecordReader> make(Mode mode, FeatureStore const& store) {
  auto const& world = test_world();
  AheadOptions const ahead{
      .plan = plan_of(mode),
      .total_steps = kTotalSteps,
      .depth = 2,
      .record_of = [&store](std::int64_t epoch, std::int64_t sample) {
        return store.record_of(sample, view_of(epoch, sample));
      }};
  switch (mode) {
    case Mode::direct:
      return make_direct_reader(store);
    case Mode::resident:
      return make_resident_reader(world, store);
    case Mode::exchange:
      return make_exchange_reader(world, store, ahead);
    case Mode::stream:
      return make_stream_reader(store, ahead, world.rank(), world.size());
  }
  return nullptr;
}

class FeatureModes : public testing::TestWithParam<Mode> {
 protected:
  void SetUp() override {
    auto const path = shared_temp_folder() / "features.h5";
    write_fake_store(test_world(), path, contents_);
    test_world().barrier();
    store_ = std::make_unique<FeatureStore>(
        value_or_throw(FeatureStore::open(path)));
  }

  void expect_record(RecordReader& reader, std::int64_t sample,
                     std::int64_t view) const {
    auto const found = reader.read(store_->record_of(sample, view));
    ASSERT_TRUE(found.has_value()) << found.error().what();
    EXPECT_TRUE(std::ranges::equal(
        found->parts[0],
        fake_features(contents_, sample, view, Stream::semantic)));
    EXPECT_TRUE(std::ranges::equal(
        found->parts[1],
        fake_features(contents_, sample, view, Stream::motion)));
  }

  void expect_steps(std::int64_t first) const {
    auto const reader = make(GetParam(), *store_);
    auto const plan = plan_of(GetParam());
    for (auto step = first; step < kTotalSteps; ++step) {
      reader->begin_step(step);
      auto const at = plan.at(step);
      for (auto const& micro :
           plan.micro_batches(at, test_world().rank(), test_world().size()))
        for (auto const sample : micro.samples)
          expect_record(*reader, sample, view_of(at.epoch, sample));
    }
    reader->close();
  }

  FeatureStoreContents contents_ = fake_contents(kNumClips, kNumViews);
  std::unique_ptr<FeatureStore> store_;
};

TEST_P(FeatureModes, GiveTheViewOfEveryEpoch) { expect_steps(0); }

TEST_P(FeatureModes, BeginInTheMiddleOfAnEpoch) {
  expect_steps(10);
  expect_steps(kTotalSteps - 1);
}

// What a test asks for, and a substitute: any view at any time.
TEST_P(FeatureModes, ReadWhatThePlanDoesNotGive) {
  auto const reader = make(GetParam(), *store_);
  reader->begin_step(0);
  for (std::int64_t sample = 0; sample < kNumClips; ++sample)
    for (std::int64_t view = 0; view < kNumViews; ++view)
      if (view != view_of(0, sample)) expect_record(*reader, sample, view);
  reader->close();
}

std::string name_of(testing::TestParamInfo<Mode> const& each) {
  constexpr char const* names[] = {"direct", "resident", "exchange", "stream"};
  return names[static_cast<std::size_t>(each.param)];
}

INSTANTIATE_TEST_SUITE_P(All, FeatureModes,
                         testing::Values(Mode::direct, Mode::resident,
                                         Mode::exchange, Mode::stream),
                         name_of);

}  // namespace
}  // namespace gasm
