// SPDX-License-Identifier: Apache-2.0
#include "clip_set.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "gasm/comm/communicator.hpp"
#include "gasm/store/record_reader.hpp"

namespace gasm {
namespace {

TEST(ClipLoader, EvaluationSeesTheCentreFramesPixelByPixel) {
  auto options = full_options();
  options.mode = SampleMode::eval;
  options.output = {kHeight, kHeight};  // the central square, not resized
  ClipLoader const loader(twenty_clips(), options);
  auto const plan = make_plan(20, SampleOrder::sequential);
  auto const batch = load_one(loader, plan, 1, 1);
  // Step 1 holds samples 7 .. 13 in slices of 2, 2 and 3.
  EXPECT_THAT(batch.samples, testing::ElementsAre(9, 10));
  EXPECT_EQ(batch.clips.sizes(), torch::IntArrayRef({2, 4, 3, 24, 24}));
  EXPECT_EQ(batch.clips.scalar_type(), torch::kUInt8);
  EXPECT_TRUE(batch.labels.equal(torch::tensor({1, 2}, torch::kInt64)));
  EXPECT_EQ(batch.num_bad(), 0);
  EXPECT_EQ(batch.step, 1);
  EXPECT_EQ(batch.index, 1);
  // s = 10 / 4: segments 0-2, 2-5, 5-8, 8-10 (7.5 rounds to 8).
  std::vector<int> const centres{1, 3, 6, 9};
  auto const red = columns(false).slice(1, 4, 28).slice(0, 0, 24);
  for (std::int64_t b = 0; b < 2; ++b) {
    for (std::int64_t t = 0; t < 4; ++t) {
      EXPECT_TRUE(plane(batch, b, t, 0).equal(red));
      auto const green = green_of(centres[static_cast<std::size_t>(t)]);
      EXPECT_TRUE((plane(batch, b, t, 1) == green).all().item<bool>());
      EXPECT_TRUE((plane(batch, b, t, 2) == blue_of(9 + b)).all().item<bool>());
    }
  }
}

TEST(ClipLoader, EvaluationDoesNotDependOnSeedOrEpoch) {
  auto options = full_options();
  options.mode = SampleMode::eval;
  auto const plan = make_plan(20, SampleOrder::sequential);
  ClipLoader const loader(twenty_clips(), options);
  options.seed = 99;
  ClipLoader const other(twenty_clips(), options);
  EXPECT_EQ(key_of(load_one(loader, plan, 0, 0)),
            key_of(load_one(loader, plan, 3, 0)));
  EXPECT_EQ(key_of(load_one(loader, plan, 0, 0)),
            key_of(load_one(other, plan, 0, 0)));
}

TEST(ClipLoader, TrainingDrawsAnewEveryEpoch) {
  auto const plan = make_plan(20, SampleOrder::sequential);
  ClipLoader const loader(twenty_clips(), full_options());
  auto const first = load_one(loader, plan, 0, 0);
  auto const second = load_one(loader, plan, 3, 0);
  EXPECT_EQ(first.samples, second.samples);
  EXPECT_FALSE(first.clips.equal(second.clips));
}

TEST(ClipLoader, BatchesAreTheSameForAnyThreadsAndRanks) {
  auto const plan = make_plan(20, SampleOrder::shuffled);
  Slice const steps{0, 6};
  auto const expected =
      load_all(twenty_clips(), full_options(), plan, steps, {1, 1});
  EXPECT_EQ(expected.size(), 16U);  // an epoch: 7, 7, 6 samples in 3 + 3 + 2
  for (World world : {World{1, 3}, World{2, 1}, World{3, 2}, World{5, 1}})
    EXPECT_EQ(load_all(twenty_clips(), full_options(), plan, steps, world),
              expected)
        << world.num_ranks << " ranks, " << world.num_threads << " threads";
}

TEST(ClipLoader, ResumingEqualsGoingOn) {
  auto const plan = make_plan(20, SampleOrder::shuffled);
  auto const whole =
      load_all(twenty_clips(), full_options(), plan, {0, 5}, {1, 1});
  auto parts = load_all(twenty_clips(), full_options(), plan, {0, 2}, {2, 1});
  parts.merge(load_all(twenty_clips(), full_options(), plan, {2, 5}, {3, 1}));
  EXPECT_EQ(parts, whole);
}

TEST(ClipLoader, ClipsInMemoryEqualClipsInTheFile) {
  auto const resident =
      make_resident_reader(Communicator::self(), twenty_clips());
  auto const plan = make_plan(20, SampleOrder::shuffled);
  ClipLoader const direct(twenty_clips(), full_options());
  ClipLoader const in_memory(twenty_clips(), full_options(), resident.get());
  for (std::int64_t step = 0; step < 3; ++step)
    EXPECT_EQ(key_of(load_one(direct, plan, step, 0)),
              key_of(load_one(in_memory, plan, step, 0)));
}

// For every clip of ten epochs: mirrored pixels if and only if the label is
// the partner's (or could be), and no class mirrored that must not be.
void expect_mirrors(FlipKind flip, std::set<std::int64_t> const& mirrorable) {
  auto options = plain_options();
  options.augment.flip = flip;
  ClipLoader const loader(twenty_clips(), options);
  VideoDecoder decoder;
  auto clip = torch::empty({4, 3, kHeight, kWidth}, torch::kUInt8);
  std::set<std::int64_t> mirrored_classes;
  std::set<std::int64_t> kept_classes;
  for (std::int64_t epoch = 0; epoch < 10; ++epoch) {
    for (std::int64_t i = 0; i < 20; ++i) {
      auto const label = value_or_throw(loader.load_clip(
          i, epoch, decoder,
          {clip.data_ptr<std::uint8_t>(), loader.clip_bytes()}));
      auto const red = clip.select(1, 0).to(torch::kInt);
      bool const mirrored = red.equal(columns(true).expand_as(red));
      EXPECT_TRUE(mirrored || red.equal(columns(false).expand_as(red)));
      EXPECT_EQ(label,
                mirrored ? kFlipMap[static_cast<std::size_t>(i % 4)] : i % 4);
      (mirrored ? mirrored_classes : kept_classes).insert(i % 4);
    }
  }
  EXPECT_EQ(mirrored_classes, mirrorable);
  EXPECT_EQ(kept_classes, (std::set<std::int64_t>{0, 1, 2, 3}));
}

TEST(ClipLoader, SwapMirrorsPixelsAndLabels) {
  expect_mirrors(FlipKind::swap, {0, 1, 2});
}

TEST(ClipLoader, ExcludeMirrorsOnlyWhatIsItsOwnMirrorImage) {
  expect_mirrors(FlipKind::exclude, {2});
}

TEST(ClipLoader, NoneMirrorsNothing) { expect_mirrors(FlipKind::none, {}); }

TEST(ClipLoader, ABadClipIsReplacedByTheNextOne) {
  auto const set = make_set(20, {4, 5}, {{16, 40}});
  auto options = plain_options();
  options.max_bad_fraction = 0.15;
  ClipLoader const loader(*set.store, options);
  auto const plan = make_plan(20, SampleOrder::sequential);
  auto const batch = load_one(loader, plan, 0, 2);  // samples 4, 5 and 6
  EXPECT_THAT(batch.samples, testing::ElementsAre(6, 6, 6));
  EXPECT_THAT(batch.bad_slots, testing::ElementsAre(0, 1));
  EXPECT_EQ(batch.num_bad(), 2);
  EXPECT_TRUE((batch.labels == 2).all().item<bool>());
  EXPECT_TRUE((plane(batch, 0, 0, 2) == blue_of(6)).all().item<bool>());
  EXPECT_EQ(loader.num_bad(), 2);

  auto const late = load_one(loader, plan, 2, 0);  // samples 14, 15 and 16
  EXPECT_THAT(late.samples, testing::ElementsAre(14, 15, 17));
  EXPECT_THAT(late.bad_slots, testing::ElementsAre(2));
  load_one(loader, plan, 3, 2);  // 4, 5 and 6 once more: not counted again
  EXPECT_EQ(loader.num_bad(), 3);
}

TEST(ClipLoader, TheLastPositionIsReplacedByTheFirst) {
  auto const set = make_set(3, {2});
  auto options = plain_options();
  options.max_bad_fraction = 0.5;
  ClipLoader const loader(*set.store, options);
  auto const batch =
      load_one(loader, make_plan(3, SampleOrder::sequential), 0, 0);
  EXPECT_THAT(batch.samples, testing::ElementsAre(0, 1, 0));
}

// A clip one frame shorter than the store says is bad in those epochs that
// draw its last frame, whatever this process has met before: else a resumed
// run, or another number of ranks, would choose other substitutes.
TEST(ClipLoader, SubstitutesDoNotDependOnThePast) {
  auto const set = make_set(3, {}, {{1, kNumFrames + 1}});
  auto options = plain_options();
  options.max_bad_fraction = 0.5;
  auto const plan = make_plan(3, SampleOrder::sequential);
  ClipLoader const old_loader(*set.store, options);
  std::set<std::int64_t> num_bad;
  for (std::int64_t epoch = 0; epoch < 30; ++epoch) {
    ClipLoader const new_loader(*set.store, options);
    auto const batch = load_one(old_loader, plan, epoch, 0);
    EXPECT_EQ(key_of(batch), key_of(load_one(new_loader, plan, epoch, 0)));
    num_bad.insert(batch.num_bad());
  }
  EXPECT_EQ(num_bad, (std::set<std::int64_t>{0, 1}));
  EXPECT_EQ(old_loader.num_bad(), 1);
}

TEST(ClipLoader, SubstitutesDoNotDependOnThreadsAndRanks) {
  auto const set = make_set(20, {0, 9, 13});
  auto options = full_options();
  options.max_bad_fraction = 0.15;
  auto const plan = make_plan(20, SampleOrder::shuffled);
  auto const expected = load_all(*set.store, options, plan, {0, 6}, {1, 1});
  EXPECT_EQ(expected.size(), 16U);
  for (World world : {World{1, 3}, World{2, 2}, World{5, 1}})
    EXPECT_EQ(load_all(*set.store, options, plan, {0, 6}, world), expected);
}

std::string message_of_epoch(ClipLoader const& loader, BatchPlan const& plan) {
  try {
    auto const stream =
        prefetch_batches(loader, plan, {0, plan.steps_per_epoch()}, 0, 1, {});
    while (stream->next()) continue;
  } catch (Error const& e) {
    return e.what();
  }
  return "";
}

TEST(ClipLoader, MoreBadClipsThanAllowedEndInAnErrorThatNamesThem) {
  auto const set = make_set(20, {4, 11, 18});
  auto options = plain_options();
  auto const plan = make_plan(20, SampleOrder::shuffled);
  options.max_bad_fraction = 0.15;  // three of twenty
  EXPECT_EQ(message_of_epoch(ClipLoader(*set.store, options), plan), "");
  options.max_bad_fraction = 0.1;
  EXPECT_THAT(
      message_of_epoch(ClipLoader(*set.store, options), plan),
      testing::AllOf(testing::HasSubstr("3 of 20 clips"),
                     testing::HasSubstr("clip-4, clip-11, clip-18"),
                     testing::HasSubstr("data.max_bad_fraction = 0.1")));
  options.max_bad_fraction = 0.0;
  EXPECT_THAT(message_of_epoch(ClipLoader(*set.store, options), plan),
              testing::HasSubstr("1 of 20 clips"));
}

TEST(ClipLoader, AStoreWithoutOneGoodClipIsAnError) {
  auto const set = make_set(2, {0, 1});
  auto options = plain_options();
  options.max_bad_fraction = 1.0;
  EXPECT_THAT(message_of_epoch(ClipLoader(*set.store, options),
                               make_plan(2, SampleOrder::sequential)),
              testing::HasSubstr("no clip of"));
}

TEST(ClipLoader, AStopIsNoticedBetweenClips) {
  ClipLoader const loader(twenty_clips(), plain_options());
  auto const plan = make_plan(20, SampleOrder::sequential);
  VideoDecoder decoder;
  std::stop_source stop;
  stop.request_stop();
  auto const batch =
      loader.load(plan.micro_batch(plan.at(0), 0), plan.epoch_order(0), decoder,
                  stop.get_token());
  EXPECT_FALSE(batch.clips.defined());
  EXPECT_EQ(batch.size(), 0);
}

TEST(ClipLoader, RefusesOptionsThatDoNotFit) {
  auto const refused = [](auto change) {
    auto options = full_options();
    change(options);
    EXPECT_THROW(ClipLoader(twenty_clips(), options), Error);
  };
  EXPECT_NO_THROW(ClipLoader(twenty_clips(), full_options()));
  refused([](auto& o) { o.flip_map = {}; });
  refused([](auto& o) { o.flip_map = {1, 0, 2, 4}; });
  refused([](auto& o) { o.flip_map = {1, 2, 0, 3}; });
  refused([](auto& o) { o.flip_map = {-1, 0, 2, 3}; });
  refused([](auto& o) { o.sampling.frames = 0; });
  refused([](auto& o) { o.output.height_px = 0; });
  refused([](auto& o) { o.augment.jitter = -0.1; });
  refused([](auto& o) { o.augment.crop_scales = {1.5}; });
  refused([](auto& o) { o.augment.short_side_max_px = 100; });
  refused([](auto& o) { o.views = {2, 1}; });  // in training
  refused([](auto& o) {
    o.mode = SampleMode::eval;
    o.views = {0, 1};
  });
  refused([](auto& o) {
    o.mode = SampleMode::eval;
    o.views = {1, 3};
    o.augment.crop = CropKind::none;
  });
  auto options = full_options();
  options.flip_map = {};
  options.mode = SampleMode::eval;  // mirrors nothing, so needs no map
  EXPECT_NO_THROW(ClipLoader(twenty_clips(), options));
}

}  // namespace
}  // namespace gasm
