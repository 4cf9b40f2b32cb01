// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/feature_table.hpp"

#include <gmock/gmock.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "feature_set.hpp"
#include "gasm/base/error.hpp"
#include "gasm/store/record_reader.hpp"

namespace gasm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::int64_t kSteps = 9;  // three epochs

std::vector<at::Device> devices() {
  std::vector<at::Device> all{at::kCPU};
  if (torch::cuda::is_available()) all.emplace_back(at::kCUDA, 0);
  return all;
}

FeatureTable table_of(FeatureSet const& set, at::Device device) {
  auto const reader = make_direct_reader(*set.store);
  return FeatureTable(*set.store, *reader, device);
}

void move_to_host(MicroBatch& batch) {
  for (auto* const values : {&batch.semantic, &batch.motion})
    if (values->defined()) *values = values->cpu();
}

/// That both loaders give the same bits on the CPU; elsewhere sums may be
/// rounded differently.
void expect_same_batches(FeatureSet const& set,
                         FeatureLoaderOptions const& options,
                         SampleOrder order) {
  auto const plan = make_plan(set.store->size(), order);
  FeatureLoader const from_file(*set.store, options);
  auto const wanted = load_steps(from_file, plan, {0, kSteps});
  for (auto const device : devices()) {
    auto const table = table_of(set, device);
    FeatureLoader const from_table(*set.store, options, table);
    auto found = load_steps(from_table, plan, {0, kSteps});
    ASSERT_EQ(found.size(), wanted.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (set.contents.semantic) {
        EXPECT_EQ(found[i].semantic.device(), device);
      }
      EXPECT_TRUE(found[i].labels.is_cpu());
      move_to_host(found[i]);
      if (device.is_cpu() || options.augment.noise == 0.0) {
        expect_equal(found[i], wanted[i]);
      } else {
        EXPECT_TRUE(at::allclose(found[i].semantic, wanted[i].semantic, 1e-6));
        EXPECT_TRUE(at::allclose(found[i].motion, wanted[i].motion, 1e-6));
      }
    }
    EXPECT_EQ(from_table.num_bytes_read(), 0U);
    EXPECT_EQ(table.num_bytes(), total_record_bytes(*set.store));
  }
}

TEST(FeatureTable, TrainingAndTestAreAsFromTheFile) {
  FeatureLoaderOptions training;
  training.seed = 11;
  expect_same_batches(plain_set(), training, SampleOrder::shuffled);
  expect_same_batches(plain_set(), test_options(), SampleOrder::sequential);
}

TEST(FeatureTable, AugmentationIsAsFromTheFile) {
  auto options = augmented();
  options.augment.mixup_alpha = 0.8;
  expect_same_batches(plain_set(), options, SampleOrder::shuffled);
  options.augment.noise = 0.0;
  expect_same_batches(plain_set(), options, SampleOrder::blocks);
}

TEST(FeatureTable, BatchesOwnTheirValues) {
  auto contents = fake_contents(13);
  contents.type = FeatureType::fp32;
  auto const set = make_set(contents);
  auto const table = table_of(set, at::kCPU);
  FeatureLoader const loader(*set.store, augmented(), table);
  auto const plan = make_plan(13, SampleOrder::sequential);
  auto const first = load_one(loader, plan, 0, 0);
  expect_equal(load_one(loader, plan, 0, 0), first);
}

TEST(FeatureTable, OneStreamAlone) {
  auto contents = fake_contents(13, 2);
  contents.semantic.reset();
  expect_same_batches(make_set(contents), test_options(),
                      SampleOrder::sequential);
}

TEST(FeatureTable, ThreadsGatherAtOnce) {
  auto const& set = plain_set();
  auto const plan = make_plan(13, SampleOrder::shuffled);
  for (auto const device : devices()) {
    auto const table = table_of(set, device);
    FeatureLoader const loader(*set.store, augmented(), table);
    auto const wanted = load_steps(loader, plan, {0, kSteps});
    auto const stream =
        prefetch_batches(loader, plan, {0, kSteps}, 0, 1, {.num_threads = 3});
    for (auto const& batch : wanted) expect_equal(*stream->next(), batch);
  }
}

TEST(FeatureTable, AChangedSampleIsReplacedAsFromTheFile) {
  auto options = augmented();
  options.max_bad_fraction = 0.16;  // two of thirteen
  expect_same_batches(make_set(fake_contents(13, 3), {4, 12}), options,
                      SampleOrder::sequential);
}

TEST(FeatureTable, MoreBadSamplesThanAllowedEndInAnErrorThatNamesThem) {
  auto const set = make_set(fake_contents(13, 3), {4, 9});
  auto const table = table_of(set, at::kCPU);
  FeatureLoaderOptions options;
  options.max_bad_fraction = 0.1;
  FeatureLoader const loader(*set.store, options, table);
  try {
    load_steps(loader, make_plan(13, SampleOrder::sequential), {0, 3});
    ADD_FAILURE() << "it went on";
  } catch (Error const& why) {
    EXPECT_THAT(why.what(), AllOf(HasSubstr("2 of 13 clips"),
                                  HasSubstr("the features of clip '82'"),
                                  HasSubstr("have changed")));
  }
}

TEST(FeatureTable, SaysWhatDoesNotFit) {
  auto const error_of = [](std::uint64_t needed, std::uint64_t free) {
    try {
      check_fits_device(needed, free, at::Device("cuda:1"), "features.h5");
    } catch (Error const& why) {
      return std::string(why.what());
    }
    return std::string();
  };
  EXPECT_EQ(error_of(40'000'000'000, 80'000'000'000), "");
  EXPECT_THAT(error_of(40'000'000'001, 80'000'000'000),
              AllOf(HasSubstr("40.00 GB of features.h5"), HasSubstr("cuda:1"),
                    HasSubstr("80.00 GB free"), HasSubstr("Try")));
}

TEST(FeatureTable, ADeviceThatIsNotThereIsNamed) {
  EXPECT_GT(free_bytes(at::kCPU), 0U);
  try {
    free_bytes(at::Device("cuda:77"));
    ADD_FAILURE() << "it is there";
  } catch (Error const& why) {
    EXPECT_THAT(why.what(), HasSubstr("no device cuda:77"));
    EXPECT_EQ(why.code(), ExitCode::usage);
  }
}

}  // namespace
}  // namespace gasm
