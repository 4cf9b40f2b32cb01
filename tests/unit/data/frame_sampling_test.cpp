// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/frame_sampling.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

struct Segment {
  int start;
  int end;
  int centre;
};

struct Row {
  int num_frames;
  int num_wanted;
  std::vector<Segment> segments;
};

// Python: s = (N - 1) / T; [(round(s * i), round(s * (i + 1)), (a + b) // 2)]
std::vector<Row> const kPythonRows = {
    {1, 4, {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}}},
    {2, 4, {{0, 0, 0}, {0, 0, 0}, {0, 1, 0}, {1, 1, 1}}},
    {3, 4, {{0, 0, 0}, {0, 1, 0}, {1, 2, 1}, {2, 2, 2}}},
    {4,
     8,
     {{0, 0, 0},
      {0, 1, 0},
      {1, 1, 1},
      {1, 2, 1},
      {2, 2, 2},
      {2, 2, 2},
      {2, 3, 2},
      {3, 3, 3}}},
    {5, 4, {{0, 1, 0}, {1, 2, 1}, {2, 3, 2}, {3, 4, 3}}},
    {7, 3, {{0, 2, 1}, {2, 4, 3}, {4, 6, 5}}},
    {8,
     8,
     {{0, 1, 0},
      {1, 2, 1},
      {2, 3, 2},
      {3, 4, 3},
      {4, 4, 4},
      {4, 5, 4},
      {5, 6, 5},
      {6, 7, 6}}},
    {11, 4, {{0, 2, 1}, {2, 5, 3}, {5, 8, 6}, {8, 10, 9}}},
    {13,
     8,
     {{0, 2, 1},
      {2, 3, 2},
      {3, 4, 3},
      {4, 6, 5},
      {6, 8, 7},
      {8, 9, 8},
      {9, 10, 9},
      {10, 12, 11}}},
    {17,
     16,
     {{0, 1, 0},
      {1, 2, 1},
      {2, 3, 2},
      {3, 4, 3},
      {4, 5, 4},
      {5, 6, 5},
      {6, 7, 6},
      {7, 8, 7},
      {8, 9, 8},
      {9, 10, 9},
      {10, 11, 10},
      {11, 12, 11},
      {12, 13, 12},
      {13, 14, 13},
      {14, 15, 14},
      {15, 16, 15}}},
    {45,
     16,
     {{0, 3, 1},
      {3, 6, 4},
      {6, 8, 7},
      {8, 11, 9},
      {11, 14, 12},
      {14, 16, 15},
      {16, 19, 17},
      {19, 22, 20},
      {22, 25, 23},
      {25, 28, 26},
      {28, 30, 29},
      {30, 33, 31},
      {33, 36, 34},
      {36, 38, 37},
      {38, 41, 39},
      {41, 44, 42}}},
    {45,
     8,
     {{0, 6, 3},
      {6, 11, 8},
      {11, 16, 13},
      {16, 22, 19},
      {22, 28, 25},
      {28, 33, 30},
      {33, 38, 35},
      {38, 44, 41}}},
    {48,
     16,
     {{0, 3, 1},
      {3, 6, 4},
      {6, 9, 7},
      {9, 12, 10},
      {12, 15, 13},
      {15, 18, 16},
      {18, 21, 19},
      {21, 24, 22},
      {24, 26, 25},
      {26, 29, 27},
      {29, 32, 30},
      {32, 35, 33},
      {35, 38, 36},
      {38, 41, 39},
      {41, 44, 42},
      {44, 47, 45}}},
};

TEST(SegmentIndices, CentresAreThoseOfPython) {
  for (auto const& row : kPythonRows) {
    Rng rng{1};
    auto const indices =
        segment_indices(row.num_frames, row.num_wanted, SampleMode::eval, rng);
    ASSERT_EQ(indices.size(), row.segments.size());
    for (std::size_t i = 0; i < indices.size(); ++i)
      EXPECT_EQ(indices[i], row.segments[i].centre)
          << row.num_frames << " frames, " << row.num_wanted << " wanted";
    EXPECT_EQ(rng.u64(), Rng{1}.u64()) << "evaluation must draw nothing";
  }
}

TEST(SegmentIndices, TrainingDrawsEveryFrameOfASegmentAndNoOther) {
  Rng rng{2};
  for (auto const& row : kPythonRows) {
    std::vector<std::set<int>> seen(row.segments.size());
    for (int repeat = 0; repeat < 400; ++repeat) {
      auto const indices = segment_indices(row.num_frames, row.num_wanted,
                                           SampleMode::train, rng);
      ASSERT_EQ(indices.size(), seen.size());
      for (std::size_t i = 0; i < seen.size(); ++i) seen[i].insert(indices[i]);
    }
    for (std::size_t i = 0; i < seen.size(); ++i) {
      std::set<int> expected;
      for (int f = row.segments[i].start; f <= row.segments[i].end; ++f)
        expected.insert(f);
      EXPECT_EQ(seen[i], expected)
          << row.num_frames << " frames, segment " << i;
    }
  }
}

TEST(SegmentIndices, TheFirstAndTheLastFrameAreReached) {
  Rng rng{3};
  int first = 99;
  int last = 0;
  for (int repeat = 0; repeat < 200; ++repeat) {
    auto const indices = segment_indices(45, 8, SampleMode::train, rng);
    first = std::min(first, indices.front());
    last = std::max(last, indices.back());
  }
  EXPECT_EQ(first, 0);
  EXPECT_EQ(last, 44);
}

TEST(SegmentIndices, RefusesEmptyVideosAndClips) {
  Rng rng{4};
  EXPECT_THROW(segment_indices(0, 8, SampleMode::eval, rng), Error);
  EXPECT_THROW(segment_indices(8, 0, SampleMode::eval, rng), Error);
}

TEST(SampleFrames, UniformTakesTheCentresInTrainingToo) {
  SamplingConfig config;
  config.kind = SamplingKind::uniform;
  config.frames = 8;
  Rng rng{5};
  EXPECT_EQ(sample_frames(config, 45, SampleMode::train, rng),
            (std::vector<int>{3, 8, 13, 19, 25, 30, 35, 41}));
}

TEST(SampleFrames, ShuffledKeepsTheFramesAndLosesTheirOrder) {
  SamplingConfig config;
  config.frames = 8;
  std::vector<int> const centres{3, 8, 13, 19, 25, 30, 35, 41};
  config.order = FrameOrder::shuffled;
  std::set<int> firsts;
  for (std::uint64_t key = 0; key < 200; ++key) {
    Rng rng{key};
    auto frames = sample_frames(config, 45, SampleMode::eval, rng);
    Rng again{key};
    EXPECT_EQ(frames, sample_frames(config, 45, SampleMode::eval, again));
    firsts.insert(frames.front());
    std::sort(frames.begin(), frames.end());
    EXPECT_EQ(frames, centres);
  }
  EXPECT_EQ(firsts, std::set<int>(centres.begin(), centres.end()));
}

}  // namespace
}  // namespace gasm
