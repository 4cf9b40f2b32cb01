// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/bench_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "gasm/comm/agree.hpp"
#include "gasm/data/random_features.hpp"
#include "gasm/store/feature_store.hpp"
#include "support/clip_files.hpp"
#include "support/mpi_main.hpp"

namespace gasm {
namespace {

using testing::HasSubstr;

RandomFeatures small(std::int64_t num_samples) {
  return {.num_samples = num_samples,
          .semantic = {1, 5, 24},
          .motion = {2, 1, 12},
          .seed = 3};
}

std::filesystem::path make_store(std::int64_t num_samples) {
  auto const path = shared_temp_folder() / "features.h5";
  write_random_features(test_world(), path, small(num_samples));
  return path;
}

BenchStoreOptions quick() {
  BenchStoreOptions options;
  options.batch = 7;
  options.num_repeats = 2;
  return options;
}

TEST(RandomFeatures, AreFiniteAndTheSameAtAnyNumberOfRanks) {
  auto const path = make_store(131);
  auto const store = value_or_throw(FeatureStore::open(path));
  EXPECT_EQ(store.size(), 131);
  EXPECT_EQ(store.contents().type, FeatureType::fp16);
  EXPECT_EQ(store.classes().size(), 174U);
  std::int64_t num_zero = 0;
  for (std::int64_t i = 0; i < store.size(); ++i) {
    auto const record = value_or_throw(read_record(store, i));
    EXPECT_EQ(record.parts[0].size(), 2U * 5 * 24);
    EXPECT_EQ(record.parts[1].size(), 2U * 2 * 12);
    for (auto const& part : record.parts)
      for (std::size_t at = 1; at < part.size(); at += 2) {
        // The upper byte of a half below 2 has no 0x40.
        EXPECT_EQ(part[at] & std::byte{0x40}, std::byte{0});
        num_zero += part[at] == std::byte{0} ? 1 : 0;
      }
  }
  // One of 128 values of that byte.
  EXPECT_LT(num_zero, 131 * 144 / 32);
  if (!test_world().is_root()) return;
  auto const alone = path.string() + ".alone";
  write_random_features(Communicator::self(), alone, small(131));
  EXPECT_EQ(value_or_throw(FeatureStore::open(alone)).data_hash(),
            store.data_hash());
}

TEST(RandomFeatures, AreAtLeastOne) {
  EXPECT_THROW(make_store(0), Error);
  EXPECT_FALSE(std::filesystem::exists(shared_temp_folder() / "features.h5"));
}

TEST(BenchStore, EveryModeDeliversEverySample) {
  auto const path = make_store(101);
  int num_told = 0;
  auto options = quick();
  options.on_progress = [&](auto const&) { ++num_told; };
  auto const result = bench_store(test_world(), path, options);
  EXPECT_EQ(result.num_bytes, 101U * 2 * (5 * 24 + 2 * 12));
  EXPECT_EQ(result.num_ranks, test_world().size());
  ASSERT_TRUE(result.fill.has_value());
  EXPECT_GT(result.fill->raw_gb_per_s, 0.0);
  EXPECT_GT(result.fill->fill_gb_per_s, 0.0);
  EXPECT_GT(result.fill->fill_over_raw, 0.0);
  ASSERT_EQ(result.modes.size(), 4U);
  for (auto const& mode : result.modes) {
    SCOPED_TRACE(to_word(mode.mode));
    EXPECT_EQ(mode.num_samples, 101);
    EXPECT_EQ(mode.num_bad, 0);
    EXPECT_GT(mode.samples_per_s, 0.0);
    // Each sample is 288 bytes; medians of two epochs are means.
    EXPECT_NEAR(mode.gb_per_s, mode.samples_per_s * 288e-9,
                mode.gb_per_s * 1e-6);
  }
  EXPECT_GT(num_told, 4);
}

TEST(BenchStore, MeasuresOnlyTheModesItIsGiven) {
  auto options = quick();
  options.modes = {StoreMode::direct};
  auto const result = bench_store(test_world(), make_store(9), options);
  EXPECT_FALSE(result.fill.has_value());
  ASSERT_EQ(result.modes.size(), 1U);
  EXPECT_EQ(result.modes[0].mode, StoreMode::direct);
  EXPECT_EQ(result.modes[0].num_samples, 9);
}

TEST(BenchStore, CountsSamplesThatWereChanged) {
  auto const path = make_store(301);
  auto const start =
      value_or_throw(FeatureStore::open(path)).range(40, 1).start;
  test_world().barrier();
  if (test_world().is_root())
    std::fstream(path, std::ios::in | std::ios::out | std::ios::binary)
        .seekp(static_cast<long>(start))
        .put('\xff');
  test_world().barrier();
  auto const result = bench_store(test_world(), path, quick());
  for (auto const& mode : result.modes) {
    EXPECT_EQ(mode.num_bad, 3) << to_word(mode.mode);  // one an epoch
    EXPECT_EQ(mode.num_samples, 301);
  }
}

TEST(BenchStore, RefusesWhatIsNoMeasurement) {
  auto const path = make_store(9);
  auto const refused = [&](auto const& change) {
    auto bad = quick();
    change(bad);
    EXPECT_THROW(bench_store(test_world(), path, bad), Error);
  };
  refused([](BenchStoreOptions& o) { o.batch = 0; });
  refused([](BenchStoreOptions& o) { o.num_threads = 0; });
  refused([](BenchStoreOptions& o) { o.num_repeats = 0; });
  refused([](BenchStoreOptions& o) { o.modes = {StoreMode::automatic}; });
  try {
    bench_store(test_world(), path.string() + ".gone", quick());
    FAIL() << "a store that is not there";
  } catch (AgreedError const& failed) {
    EXPECT_THAT(failed.what(), HasSubstr("No such file"));
  }
}

}  // namespace
}  // namespace gasm
