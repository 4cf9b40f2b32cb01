// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/feature_loader.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "feature_set.hpp"
#include "gasm/data/ahead_readers.hpp"
#include "gasm/data/clip_rng.hpp"
#include "gasm/data/feature_augment.hpp"
#include "gasm/data/mix.hpp"
#include "gasm/store/feature_store.hpp"
#include "gasm/store/record_reader.hpp"

namespace gasm {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// What arithmetic says of one view.
std::vector<float> values_of(FeatureStoreContents const& contents,
                             std::int64_t clip, std::int64_t view,
                             Stream stream) {
  auto const& info =
      stream == Stream::semantic ? contents.semantic : contents.motion;
  std::vector<float> values;
  for (std::int64_t k = 0; k < info->shape.num_values(); ++k)
    values.push_back(static_cast<float>(fake_value(clip, view, stream, k)));
  return values;
}

std::vector<float> row_of(at::Tensor const& tensor, std::int64_t row) {
  auto const values = tensor[row].to(at::kFloat).contiguous();
  return {values.const_data_ptr<float>(),
          values.const_data_ptr<float>() + values.numel()};
}

void expect_view(MicroBatch const& batch, std::int64_t row,
                 FeatureStoreContents const& contents, std::int64_t clip,
                 std::int64_t view) {
  if (contents.semantic) {
    EXPECT_EQ(row_of(batch.semantic, row),
              values_of(contents, clip, view, Stream::semantic));
  }
  if (contents.motion) {
    EXPECT_EQ(row_of(batch.motion, row),
              values_of(contents, clip, view, Stream::motion));
  }
}

std::int64_t label_of(MicroBatch const& batch, std::int64_t slot) {
  return batch.labels.const_data_ptr<std::int64_t>()[slot];
}

FeatureLoaderOptions seeded() {
  FeatureLoaderOptions options;
  options.seed = 11;
  return options;
}

TEST(FeatureLoader, ATestReadsAllViewsInTheirOrder) {
  auto const& set = plain_set();
  FeatureLoader const loader(*set.store, test_options());
  EXPECT_EQ(loader.num_views(), 3);
  auto const plan = make_plan(13, SampleOrder::sequential);
  auto const batch = load_one(loader, plan, 1, 1);
  // Step 1 holds 5 .. 9 in slices of 2 and 3.
  EXPECT_THAT(batch.samples, ElementsAre(7, 8, 9));
  EXPECT_EQ(batch.num_views, 3);
  EXPECT_EQ(batch.step, 1);
  EXPECT_EQ(batch.index, 1);
  EXPECT_FALSE(batch.clips.defined());
  EXPECT_EQ(batch.semantic.sizes(), torch::IntArrayRef({9, 2, 3, 4}));
  EXPECT_EQ(batch.motion.sizes(), torch::IntArrayRef({9, 1, 2, 5}));
  EXPECT_EQ(batch.semantic.scalar_type(), at::kHalf);
  for (std::int64_t b = 0; b < 3; ++b) {
    for (std::int64_t v = 0; v < 3; ++v)
      expect_view(batch, 3 * b + v, set.contents, 7 + b, v);
    EXPECT_EQ(label_of(batch, b), b == 0 ? -1 : b - 1);  // of 7, 8 and 9
  }
  EXPECT_EQ(batch.num_bad(), 0);
  EXPECT_EQ(loader.num_bytes_read(), 9U * (48 + 20));
}

TEST(FeatureLoader, TrainingReadsTheViewOfTheEpoch) {
  auto const& set = plain_set();
  FeatureLoader const loader(*set.store, seeded());
  EXPECT_EQ(loader.num_views(), 1);
  auto const plan = make_plan(13, SampleOrder::shuffled);
  for (auto const& batch : load_steps(loader, plan, {0, 9}))
    for (std::int64_t b = 0; b < batch.size(); ++b) {
      auto const sample = batch.samples[static_cast<std::size_t>(b)];
      auto const view = choose_view(11, batch.epoch, sample, 3);
      expect_view(batch, b, set.contents, sample, view);
      // The class of the view: another than the clip's in odd ones.
      EXPECT_EQ(label_of(batch, b),
                fake_view_label(set.contents, sample, view));
    }
}

TEST(FeatureLoader, EveryViewIsReadOnceInAsManyEpochs) {
  auto const& set = plain_set();
  FeatureLoader const loader(*set.store, seeded());
  auto const plan = make_plan(13, SampleOrder::shuffled);
  std::map<std::int64_t, std::multiset<float>> first_values;
  for (auto const& batch :
       load_steps(loader, plan, {0, 3 * plan.steps_per_epoch()}))
    for (std::int64_t b = 0; b < batch.size(); ++b)
      first_values[batch.samples[static_cast<std::size_t>(b)]].insert(
          row_of(batch.semantic, b)[0]);
  ASSERT_EQ(first_values.size(), 13U);
  for (auto const& [sample, found] : first_values) {
    std::multiset<float> wanted;
    for (std::int64_t v = 0; v < 3; ++v)
      wanted.insert(
          static_cast<float>(fake_value(sample, v, Stream::semantic, 0)));
    EXPECT_EQ(found, wanted) << sample;
  }
}

TEST(FeatureLoader, OneStreamAndSinglePrecision) {
  auto contents = fake_contents(6, 2);
  contents.type = FeatureType::fp32;
  contents.semantic.reset();
  auto const set = make_set(contents);
  FeatureLoader const loader(*set.store, test_options());
  auto const batch =
      load_one(loader, make_plan(6, SampleOrder::sequential), 0, 0);
  EXPECT_FALSE(batch.semantic.defined());
  EXPECT_EQ(batch.motion.scalar_type(), at::kFloat);
  for (std::int64_t row = 0; row < 2 * batch.size(); ++row)
    expect_view(batch, row, contents, row / 2, row % 2);
}

TEST(FeatureLoader, RandomViewsAreForTrainingOnly) {
  auto contents = fake_contents(4, 2);
  contents.views = FeatureViews::random;
  auto const set = make_set(contents);
  EXPECT_NO_THROW(FeatureLoader(*set.store, {}));
  try {
    FeatureLoader const loader(*set.store, test_options());
    ADD_FAILURE() << "it was taken";
  } catch (Error const& why) {
    EXPECT_THAT(why.what(), AllOf(HasSubstr(set.store->path().string()),
                                  HasSubstr("drawn at random"),
                                  HasSubstr("without --views")));
    EXPECT_EQ(why.code(), ExitCode::usage);
  }
}

// ---- augmentation

/// A sample as the functions of feature_augment.hpp make it: semantic first,
/// and all draws from the generator of (seed, epoch, sample).
std::map<Stream, std::vector<float>> augment_by_hand(
    FeatureStoreContents const& contents, std::int64_t epoch,
    std::int64_t sample) {
  auto const options = augmented();
  auto const view =
      choose_view(options.seed, epoch, sample, contents.num_views);
  Rng rng = clip_rng(options.seed, epoch, sample);
  std::map<Stream, std::vector<float>> made;
  for (auto const stream : {Stream::semantic, Stream::motion}) {
    auto const& shape =
        (stream == Stream::semantic ? contents.semantic : contents.motion)
            ->shape;
    auto const values =
        at::tensor(values_of(contents, sample, view, stream))
            .view({1, shape.num_steps, shape.num_tokens, shape.num_channels});
    jitter_steps(values[0], 1, rng);
    drop_tokens(values[0], 0.3, rng);
    add_feature_noise(values[0], 0.1, rng);
    made[stream] = row_of(values, 0);
  }
  return made;
}

TEST(FeatureLoader, AugmentationIsKeyedBySeedEpochAndSample) {
  auto const& set = plain_set();
  FeatureLoader const loader(*set.store, augmented());
  auto const plan = make_plan(13, SampleOrder::shuffled);
  for (auto const& batch : load_steps(loader, plan, {1, 5})) {
    EXPECT_EQ(batch.semantic.scalar_type(), at::kFloat);
    EXPECT_EQ(batch.motion.scalar_type(), at::kFloat);
    EXPECT_EQ(batch.own_share, 1.0);
    EXPECT_FALSE(batch.other_labels.defined());
    for (std::int64_t b = 0; b < batch.size(); ++b) {
      auto const wanted =
          augment_by_hand(set.contents, batch.epoch,
                          batch.samples[static_cast<std::size_t>(b)]);
      EXPECT_EQ(row_of(batch.semantic, b), wanted.at(Stream::semantic));
      EXPECT_EQ(row_of(batch.motion, b), wanted.at(Stream::motion));
    }
  }
}

TEST(FeatureLoader, ATestIsNeverAugmented) {
  auto const& set = plain_set();
  auto options = augmented();
  options.augment.mixup_alpha = 0.8;
  options.mode = SampleMode::eval;
  FeatureLoader const loader(*set.store, options);
  auto const batch =
      load_one(loader, make_plan(13, SampleOrder::sequential), 0, 0);
  EXPECT_EQ(batch.semantic.scalar_type(), at::kHalf);
  expect_view(batch, 1, set.contents, 0, 1);
  EXPECT_EQ(batch.own_share, 1.0);
}

TEST(FeatureLoader, MixupWeighsFeaturesAndLabels) {
  auto const& set = plain_set();
  FeatureLoaderOptions options;
  options.seed = 11;
  options.augment.mixup_alpha = 0.8;
  FeatureLoader const loader(*set.store, options);
  auto const plan = make_plan(13, SampleOrder::shuffled);
  for (auto const& batch : load_steps(loader, plan, {0, 4})) {
    auto const share =
        draw_mix({.mixup_alpha = 0.8}, {1, 1}, 11, batch.step, batch.index)
            .own_share;
    ASSERT_LT(share, 1.0);
    EXPECT_EQ(batch.own_share, share);
    auto const own = static_cast<float>(share);
    auto const rest = static_cast<float>(1.0 - share);
    auto const last = batch.size() - 1;
    for (std::int64_t b = 0; b <= last; ++b) {
      auto const plain = [&](std::int64_t slot) {
        auto const sample = batch.samples[static_cast<std::size_t>(slot)];
        return values_of(set.contents, sample,
                         choose_view(11, batch.epoch, sample, 3),
                         Stream::motion);
      };
      auto wanted = plain(b);
      auto const partner = plain(last - b);
      if (b != last - b)
        for (std::size_t k = 0; k < wanted.size(); ++k)
          wanted[k] = own * wanted[k] + rest * partner[k];
      EXPECT_EQ(row_of(batch.motion, b), wanted);
      EXPECT_EQ(batch.other_labels.const_data_ptr<std::int64_t>()[last - b],
                label_of(batch, b));
    }
  }
}

// ---- readers

TEST(FeatureLoader, AllReadersGiveTheSameBatches) {
  auto const& set = plain_set();
  auto options = augmented();
  options.augment.mixup_alpha = 0.8;
  for (auto const order : {SampleOrder::shuffled, SampleOrder::blocks}) {
    auto const plan = make_plan(13, order);
    constexpr std::int64_t kSteps = 9;
    FeatureLoader const plain(*set.store, options);
    auto const wanted = load_steps(plain, plan, {0, kSteps});
    AheadOptions const ahead{
        .plan = plan,
        .total_steps = kSteps,
        .depth = 2,
        .record_of = training_record_of(*set.store, options.seed)};
    std::vector<std::unique_ptr<RecordReader>> readers;
    readers.push_back(make_direct_reader(*set.store));
    readers.push_back(make_resident_reader(Communicator::self(), *set.store));
    readers.push_back(
        make_exchange_reader(Communicator::self(), *set.store, ahead));
    if (order == SampleOrder::blocks)
      readers.push_back(make_stream_reader(*set.store, ahead, 0, 1));
    for (auto const& reader : readers) {
      FeatureLoader const loader(*set.store, options, reader.get());
      std::size_t at = 0;
      for (std::int64_t step = 0; step < kSteps; ++step) {
        reader->begin_step(step);
        for (auto const& batch : load_steps(loader, plan, {step, step + 1}))
          expect_equal(batch, wanted.at(at++));
      }
      EXPECT_EQ(at, wanted.size());
      reader->close();
    }
  }
}

TEST(FeatureLoader, ThreadsAndRanksMakeNoDifference) {
  auto const& set = plain_set();
  FeatureLoader const loader(*set.store, augmented());
  auto const plan = make_plan(13, SampleOrder::shuffled);
  auto const wanted = load_steps(loader, plan, {0, 6});
  for (std::int64_t num_ranks : {1, 2, 3}) {
    std::map<std::pair<std::int64_t, std::int64_t>, MicroBatch> found;
    for (std::int64_t rank = 0; rank < num_ranks; ++rank) {
      auto const stream = prefetch_batches(loader, plan, {0, 6}, rank,
                                           num_ranks, {.num_threads = 3});
      while (auto batch = stream->next())
        found.emplace(std::pair(batch->step, batch->index), *batch);
    }
    ASSERT_EQ(found.size(), wanted.size());
    for (auto const& batch : wanted)
      expect_equal(found.at({batch.step, batch.index}), batch);
  }
}

// ---- bad samples

TEST(FeatureLoader, AChangedSampleIsReplacedByTheNextOne) {
  auto const set = make_set(fake_contents(13, 3), {4, 12});
  FeatureLoaderOptions options;
  options.seed = 11;
  options.max_bad_fraction = 0.16;  // two of thirteen
  FeatureLoader const loader(*set.store, options);
  auto const plan = make_plan(13, SampleOrder::sequential);
  auto const batch = load_one(loader, plan, 0, 1);  // samples 2, 3 and 4
  EXPECT_THAT(batch.samples, ElementsAre(2, 3, 5));
  EXPECT_THAT(batch.bad_slots, ElementsAre(2));
  auto const view = choose_view(11, 0, 5, 3);
  expect_view(batch, 2, set.contents, 5, view);
  EXPECT_EQ(label_of(batch, 2), fake_view_label(set.contents, 5, view));
  EXPECT_EQ(loader.num_bad(), 1);
  // The last position goes on with the first.
  auto const end = load_one(loader, plan, 2, 0);  // 10, 11 and 12
  EXPECT_THAT(end.samples, ElementsAre(10, 11, 0));
  EXPECT_EQ(loader.num_bad(), 2);
  load_one(loader, plan, 3, 1);  // 4 once more: not counted again
  EXPECT_EQ(loader.num_bad(), 2);
}

TEST(FeatureLoader, ATestReplacesAllViews) {
  auto const set = make_set(fake_contents(13, 3), {4});
  auto options = test_options();
  options.max_bad_fraction = 0.1;
  FeatureLoader const loader(*set.store, options);
  auto const batch =
      load_one(loader, make_plan(13, SampleOrder::sequential), 0, 1);
  EXPECT_THAT(batch.bad_slots, ElementsAre(2));
  for (std::int64_t v = 0; v < 3; ++v)
    expect_view(batch, 6 + v, set.contents, 5, v);
}

TEST(FeatureLoader, AugmentationOfASubstituteIsItsOwn) {
  auto const set = make_set(fake_contents(13, 3), {4});
  auto options = augmented();
  options.max_bad_fraction = 0.1;
  FeatureLoader const loader(*set.store, options);
  auto const batch =
      load_one(loader, make_plan(13, SampleOrder::sequential), 0, 1);
  EXPECT_EQ(row_of(batch.semantic, 2),
            augment_by_hand(set.contents, 0, 5).at(Stream::semantic));
}

TEST(FeatureLoader, MoreBadSamplesThanAllowedEndInAnErrorThatNamesThem) {
  auto const set = make_set(fake_contents(13, 3), {4, 9});
  FeatureLoaderOptions options;
  options.max_bad_fraction = 0.1;
  FeatureLoader const loader(*set.store, options);
  auto const plan = make_plan(13, SampleOrder::sequential);
  try {
    load_steps(loader, plan, {0, 3});
    ADD_FAILURE() << "it went on";
  } catch (Error const& why) {
    EXPECT_THAT(
        why.what(),
        AllOf(HasSubstr("2 of 13 clips of " + set.store->path().string() +
                        " cannot be used, more than data.max_bad_fraction = "
                        "0.1 allows (clips 17, 82; the last one: "),
              HasSubstr("the features of clip '82'"),
              HasSubstr("have changed")));
  }
  auto const judged = loader.check_budget(2);
  ASSERT_FALSE(judged.has_value());
  EXPECT_THAT(judged.error().what(), HasSubstr("2 of 13 clips"));
  EXPECT_TRUE(loader.check_budget(1).has_value());
}

TEST(FeatureLoader, AStopIsNoticedBetweenSamples) {
  auto const& set = plain_set();
  FeatureLoader const loader(*set.store, {});
  auto const plan = make_plan(13, SampleOrder::sequential);
  std::stop_source stop;
  stop.request_stop();
  auto const batch = loader.load(plan.micro_batch(plan.at(0), 0),
                                 plan.epoch_order(0), stop.get_token());
  EXPECT_FALSE(batch.semantic.defined());
  EXPECT_EQ(batch.size(), 0);
}

}  // namespace
}  // namespace gasm
