// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "gasm/base/error.hpp"
#include "gasm/data/frame_sampling.hpp"
#include "gasm/data/motion_energy.hpp"

namespace gasm {
namespace {

using Indices = std::vector<int>;

struct TwoClips {
  int num_frames;
  int num_wanted;
  Indices first;
  Indices second;
};

// numpy, by VideoMAE's formula: tick = N / float(T); sort([int(tick / 2 + tick
// * x)] + [int(tick * x)]), then [0::2] and [1::2].
std::vector<TwoClips> const kVideoMae = {
    {45,
     16,
     {0, 2, 5, 8, 11, 14, 16, 19, 22, 25, 28, 30, 33, 36, 39, 42},
     {1, 4, 7, 9, 12, 15, 18, 21, 23, 26, 29, 32, 35, 37, 40, 43}},
    {45, 8, {0, 5, 11, 16, 22, 28, 33, 39}, {2, 8, 14, 19, 25, 30, 36, 42}},
    {5, 8, {0, 0, 1, 1, 2, 3, 3, 4}, {0, 0, 1, 2, 2, 3, 4, 4}},
    {1, 4, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {117,
     16,
     {0, 7, 14, 21, 29, 36, 43, 51, 58, 65, 73, 80, 87, 95, 102, 109},
     {3, 10, 18, 25, 32, 40, 47, 54, 62, 69, 76, 84, 91, 98, 106, 113}},
};

TEST(InterleavedIndices, TwoClipsAreThoseOfVideoMae) {
  for (auto const& row : kVideoMae) {
    EXPECT_EQ(interleaved_indices(row.num_frames, row.num_wanted, {0, 2}),
              row.first);
    EXPECT_EQ(interleaved_indices(row.num_frames, row.num_wanted, {1, 2}),
              row.second);
  }
}

TEST(InterleavedIndices, ThreeClipsShareTheFrames) {
  // tick 4: 0 4 8, 1 5 9 (4 / 3 = 1.33) and 2 6 10 (2.67).
  EXPECT_EQ(interleaved_indices(12, 3, {0, 3}), (Indices{0, 4, 8}));
  EXPECT_EQ(interleaved_indices(12, 3, {1, 3}), (Indices{1, 5, 9}));
  EXPECT_EQ(interleaved_indices(12, 3, {2, 3}), (Indices{2, 6, 10}));
}

// TSM's test with twice_sample: int(t / 2 + t i) and int(t i).
TEST(TsmTestIndices, AreThoseOfTsm) {
  std::vector<TwoClips> const rows = {
      {45, 8, {2, 8, 14, 19, 25, 30, 36, 42}, {0, 5, 11, 16, 22, 28, 33, 39}},
      {37,
       16,
       {1, 3, 5, 8, 10, 12, 15, 17, 19, 21, 24, 26, 28, 31, 33, 35},
       {0, 2, 4, 6, 9, 11, 13, 16, 18, 20, 23, 25, 27, 30, 32, 34}},
      {5, 8, {0, 0, 1, 2, 2, 3, 4, 4}, {0, 0, 1, 1, 2, 3, 3, 4}},
      {8, 8, {0, 1, 2, 3, 4, 5, 6, 7}, {0, 1, 2, 3, 4, 5, 6, 7}},
      {1, 4, {0, 0, 0, 0}, {0, 0, 0, 0}},
  };
  for (auto const& row : rows) {
    EXPECT_EQ(tsm_test_indices(row.num_frames, row.num_wanted, {0, 1}),
              row.first);
    EXPECT_EQ(tsm_test_indices(row.num_frames, row.num_wanted, {0, 2}),
              row.first);
    EXPECT_EQ(tsm_test_indices(row.num_frames, row.num_wanted, {1, 2}),
              row.second);
  }
}

// Which values each place of the clip takes in many draws.
template <class Draw>
std::vector<std::set<int>> places(int num_wanted, Draw draw) {
  std::vector<std::set<int>> seen(static_cast<std::size_t>(num_wanted));
  Rng rng{17};
  for (int repeat = 0; repeat < 2000; ++repeat) {
    Indices const indices = draw(rng);
    EXPECT_EQ(indices.size(), seen.size());
    for (std::size_t i = 0; i < seen.size(); ++i) seen[i].insert(indices[i]);
  }
  return seen;
}

TEST(TsmIndices, DrawsWithinWholeSegmentsAndForgetsTheTail) {
  // d = 11 / 4 = 2: frames 8, 9 and 10 are never seen but for 8's neighbours.
  auto const seen = places(4, [](Rng& rng) { return tsm_indices(11, 4, rng); });
  EXPECT_EQ(seen, (std::vector<std::set<int>>{{0, 1}, {2, 3}, {4, 5}, {6, 7}}));
  Rng rng{1};
  EXPECT_EQ(tsm_indices(3, 4, rng), (Indices{0, 0, 0, 0}));
  EXPECT_EQ(tsm_indices(4, 4, rng), (Indices{0, 1, 2, 3}));
}

TEST(RandomIndices, EverySetIsEquallyLikely) {
  std::map<Indices, int> counts;
  Rng rng{2};
  constexpr int kNum = 20000;
  for (int i = 0; i < kNum; ++i) ++counts[random_indices(5, 2, rng)];
  EXPECT_EQ(counts.size(), 10U);
  for (auto const& [set, count] : counts) {
    EXPECT_LT(set[0], set[1]);
    EXPECT_NEAR(count, 2000, 5 * 43);
  }
  EXPECT_EQ(random_indices(3, 3, rng), (Indices{0, 1, 2}));
}

TEST(RandomIndices, RepeatFramesOfAShortVideo) {
  auto const seen =
      places(3, [](Rng& rng) { return random_indices(2, 3, rng); });
  for (auto const& place : seen) EXPECT_EQ(place, (std::set<int>{0, 1}));
  Rng rng{3};
  for (int i = 0; i < 100; ++i) {
    auto const indices = random_indices(2, 3, rng);
    EXPECT_TRUE(std::is_sorted(indices.begin(), indices.end()));
  }
}

TEST(DenseIndices, TheTestIsThatOfMmaction) {
  // numpy: round(arange(C) * (max(N - (T - 1) k - 1, 0) / (C - 1))) + i k,
  // beyond the end the last frame.
  struct Row {
    int num_frames, num_wanted, stride;
    std::vector<Indices> clips;
  };
  for (auto const& row : std::vector<Row>{
           {45, 4, 4, {{0, 4, 8, 12}, {16, 20, 24, 28}, {32, 36, 40, 44}}},
           {45, 4, 4, {{16, 20, 24, 28}}},
           {20, 4, 5, {{0, 5, 10, 15}, {4, 9, 14, 19}}},
           {10, 4, 4, {{0, 4, 8, 9}, {0, 4, 8, 9}, {0, 4, 8, 9}}},
           {3, 4, 1, {{0, 1, 2, 2}}},
           {50,
            8,
            2,
            {{0, 2, 4, 6, 8, 10, 12, 14},
             {12, 14, 16, 18, 20, 22, 24, 26},
             {23, 25, 27, 29, 31, 33, 35, 37},
             {35, 37, 39, 41, 43, 45, 47, 49}}},
           // room 5: 2.5 rounds to 2.
           {8, 2, 2, {{0, 2}, {2, 4}, {5, 7}}},
       }) {
    auto const num = static_cast<int>(row.clips.size());
    for (int c = 0; c < num; ++c)
      EXPECT_EQ(dense_test_indices(row.num_frames, row.num_wanted, row.stride,
                                   {c, num}),
                row.clips[static_cast<std::size_t>(c)])
          << row.num_frames << " clip " << c;
  }
}

TEST(DenseIndices, TrainingStartsWhereThereIsRoom) {
  auto const seen =
      places(3, [](Rng& rng) { return dense_indices(10, 3, 3, rng); });
  EXPECT_EQ(seen, (std::vector<std::set<int>>{
                      {0, 1, 2, 3}, {3, 4, 5, 6}, {6, 7, 8, 9}}));
  Rng rng{4};
  EXPECT_EQ(dense_indices(2, 4, 1, rng), (Indices{0, 1, 1, 1}));
}

// F of these energies: 0 .2 .2 .2 .6 .7 .8 .8 1.
std::vector<float> const kMotion = {4, 0, 0, 16, 1, 1, 0, 4};

TEST(MotionIndices, AreThoseOfMgSampler) {
  // numpy: argmin(abs(F - (i + (c + .5) / C) / T)).
  EXPECT_EQ(motion_test_indices(kMotion, 4, {}), (Indices{1, 1, 4, 6}));
  EXPECT_EQ(motion_test_indices(kMotion, 3, {0, 2}), (Indices{0, 4, 5}));
  EXPECT_EQ(motion_test_indices(kMotion, 3, {1, 2}), (Indices{1, 4, 8}));
  EXPECT_EQ(motion_test_indices(std::vector<float>(16, 1.0F), 4, {}),
            (Indices{2, 6, 10, 14}));
  EXPECT_EQ(motion_test_indices(std::vector<float>{0, 0, 9}, 5, {}),
            (Indices{0, 0, 0, 3, 3}));
}

TEST(MotionIndices, TrainingDrawsWithinItsShareOfTheMovement) {
  // Shares 0 - .5 and .5 - 1 of F.
  auto const seen =
      places(2, [](Rng& rng) { return motion_indices(kMotion, 2, rng); });
  EXPECT_EQ(seen, (std::vector<std::set<int>>{{0, 1, 4}, {4, 5, 6, 8}}));
}

TEST(MotionIndices, AStillVideoIsSampledBySegments) {
  std::vector<float> const still(44, 0.0F);
  EXPECT_EQ(motion_test_indices(still, 8, {}),
            (Indices{3, 8, 13, 19, 25, 30, 35, 41}));
  EXPECT_EQ(motion_test_indices(still, 8, {1, 2}), kVideoMae[1].second);
  Rng rng{9};
  Rng again{9};
  EXPECT_EQ(motion_indices(still, 8, rng),
            segment_indices(45, 8, SampleMode::train, again));
  EXPECT_EQ(motion_test_indices({}, 3, {}), (Indices{0, 0, 0}));
}

TEST(MotionEnergy, IsTheMeanDifferenceOfLuma) {
  FrameBlock frames;
  frames.num_frames = 3;
  frames.height = 1;
  frames.width = 2;
  frames.rgb = {0,   0,   0,   10, 10, 10,  // luma 0 and 10
                100, 0,   0,   10, 10, 10,  // 29.9 and 10
                0,   100, 100, 0,  0,  0};  // 70.1 and 0
  auto const energy = motion_energy(frames);
  ASSERT_EQ(energy.size(), 2U);
  EXPECT_FLOAT_EQ(energy[0], 29.9F / 2.0F);
  EXPECT_FLOAT_EQ(energy[1], (40.2F + 10.0F) / 2.0F);
}

SamplingConfig with_kind(SamplingKind kind, int frames) {
  SamplingConfig config;
  config.kind = kind;
  config.frames = frames;
  return config;
}

TEST(SampleFrames, EachKindFollowsItsRule) {
  Rng rng{5};
  auto const test = [&](SamplingKind kind, TestClip clip) {
    auto config = with_kind(kind, 8);
    if (kind == SamplingKind::dense) config.stride = 3;
    std::vector<float> const motion(44, 1.0F);
    return sample_frames(config, 45, SampleMode::eval, rng, clip, motion);
  };
  Indices const centres{3, 8, 13, 19, 25, 30, 35, 41};
  for (auto const kind :
       {SamplingKind::segment, SamplingKind::uniform, SamplingKind::random}) {
    EXPECT_EQ(test(kind, {}), centres);
    EXPECT_EQ(test(kind, {0, 2}), kVideoMae[1].first);
    EXPECT_EQ(test(kind, {1, 2}), kVideoMae[1].second);
  }
  EXPECT_EQ(test(SamplingKind::tsm, {1, 2}), kVideoMae[1].first);
  // Room 23; 11 + 3 i, and 0 + 3 i.
  EXPECT_EQ(test(SamplingKind::dense, {}),
            (Indices{11, 14, 17, 20, 23, 26, 29, 32}));
  EXPECT_EQ(test(SamplingKind::dense, {0, 2}),
            (Indices{0, 3, 6, 9, 12, 15, 18, 21}));
  // 44 (i + .5) / 8 = 2.75, 8.25, 13.75 ...
  EXPECT_EQ(test(SamplingKind::motion, {}),
            (Indices{3, 8, 14, 19, 25, 30, 36, 41}));
  EXPECT_EQ(rng.u64(), Rng{5}.u64()) << "evaluation must draw nothing";
}

TEST(SampleFrames, TrainingDrawsByItsKind) {
  Rng rng{6};
  Rng again{6};
  EXPECT_EQ(sample_frames(with_kind(SamplingKind::tsm, 4), 45,
                          SampleMode::train, rng),
            tsm_indices(45, 4, again));
  EXPECT_EQ(sample_frames(with_kind(SamplingKind::random, 4), 45,
                          SampleMode::train, rng),
            random_indices(45, 4, again));
  std::vector<float> const motion(44, 2.0F);
  EXPECT_EQ(sample_frames(with_kind(SamplingKind::motion, 4), 45,
                          SampleMode::train, rng, {}, motion),
            motion_indices(motion, 4, again));
  EXPECT_EQ(sample_frames(with_kind(SamplingKind::dense, 4), 45,
                          SampleMode::train, rng),
            dense_indices(45, 4, 1, again));
}

TEST(SampleFrames, TimeJitterMovesEachFrameALittle) {
  auto config = with_kind(SamplingKind::uniform, 3);
  config.time_jitter = 2;
  // Centres of 31 frames: 5, 15, 25.
  auto const draw = [&](Rng& rng) {
    return sample_frames(config, 31, SampleMode::train, rng);
  };
  EXPECT_EQ(places(3, draw),
            (std::vector<std::set<int>>{
                {3, 4, 5, 6, 7}, {13, 14, 15, 16, 17}, {23, 24, 25, 26, 27}}));
  config.frames = 8;
  Rng rng{7};
  for (int i = 0; i < 200; ++i) {
    auto const indices = sample_frames(config, 4, SampleMode::train, rng);
    EXPECT_TRUE(std::is_sorted(indices.begin(), indices.end()));
    EXPECT_GE(indices.front(), 0);
    EXPECT_LE(indices.back(), 3);
  }
  EXPECT_EQ(sample_frames(config, 31, SampleMode::eval, rng),
            sample_frames(with_kind(SamplingKind::uniform, 8), 31,
                          SampleMode::eval, rng));
}

TEST(SampleFrames, DroppedFramesBecomeTheOneBefore) {
  auto config = with_kind(SamplingKind::uniform, 8);
  config.frame_drop = 0.25;
  Indices const centres{3, 8, 13, 19, 25, 30, 35, 41};
  Rng rng{8};
  int num_dropped = 0;
  for (int repeat = 0; repeat < 2000; ++repeat) {
    auto const indices = sample_frames(config, 45, SampleMode::train, rng);
    EXPECT_EQ(indices[0], 3);
    for (std::size_t i = 1; i < 8; ++i) {
      bool const is_dropped = indices[i] != centres[i];
      num_dropped += is_dropped ? 1 : 0;
      EXPECT_EQ(indices[i], is_dropped ? indices[i - 1] : centres[i]);
    }
  }
  EXPECT_NEAR(num_dropped, 3500, 5 * 52);
  EXPECT_EQ(sample_frames(config, 45, SampleMode::eval, rng), centres);
}

TEST(SamplingRules, RefuseEmptyVideosAndClips) {
  Rng rng{1};
  EXPECT_THROW(random_indices(0, 1, rng), Error);
  EXPECT_THROW(random_indices(1, 0, rng), Error);
  EXPECT_THROW(dense_indices(0, 1, 1, rng), Error);
  EXPECT_THROW(dense_test_indices(1, 0, 1, {}), Error);
  EXPECT_THROW(motion_indices(kMotion, 0, rng), Error);
  EXPECT_THROW(motion_test_indices(kMotion, 0, {}), Error);
  EXPECT_THROW(tsm_indices(0, 1, rng), Error);
  EXPECT_THROW(tsm_test_indices(1, 0, {}), Error);
  EXPECT_THROW(interleaved_indices(0, 1, {0, 2}), Error);
}

}  // namespace
}  // namespace gasm
