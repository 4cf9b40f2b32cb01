// SPDX-License-Identifier: Apache-2.0
#include "gasm/synth/oracle.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <numeric>

namespace gasm {
namespace {

constexpr std::array kLevels{SynthLevel::s, SynthLevel::m, SynthLevel::l,
                             SynthLevel::xl};

std::vector<SampledFrame> sample(Scene const& scene, SynthEvent const& event,
                                 std::vector<int> const& frames) {
  auto const sequence = state_sequence(scene, event);
  std::vector<SampledFrame> sampled;
  for (int frame : frames)
    sampled.push_back(
        {frame,
         object_states(scene, sequence.at(static_cast<std::size_t>(frame)))});
  return sampled;
}

std::vector<int> every_frame(LevelSpec const& spec) {
  return segment_centres(spec.num_frames, spec.num_frames);
}

Scene scene_of(SynthLevel level, int draw) {
  return draw_scene({.level = level}, SynthSplit::val_iid, draw, ObjectSet::a);
}

/// Share of the labels of some draws that T segment centres leave decided and
/// right.
double accuracy(SynthLevel level, int num_draws, int num_segments) {
  SynthLabels const labels(level, SynthTask::full);
  int right = 0;
  int total = 0;
  for (int draw = 0; draw < num_draws; ++draw) {
    Scene const scene = scene_of(level, draw);
    auto const frames = segment_centres(scene.spec.num_frames, num_segments);
    for (int id = 0; id < labels.size(); ++id) {
      auto const sampled = sample(scene, labels.event(id), frames);
      auto const found = predict_from_states(labels, scene.spec, sampled);
      right += found && *found == id ? 1 : 0;
      ++total;
    }
  }
  double const share = static_cast<double>(right) / total;
  std::cout << "oracle, level " << to_string(level) << ", " << num_segments
            << " frames: " << 100 * share << " % of " << total << "\n";
  return share;
}

TEST(SegmentCentres, ByHand) {
  EXPECT_EQ(segment_centres(24, 8),
            (std::vector<int>{1, 4, 7, 10, 13, 16, 19, 22}));
  EXPECT_EQ(segment_centres(5, 5), (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(segment_centres(36, 24).back(), 35);
}

TEST(Oracle, ReadsLevelSFromEightToSixteenFrames) {
  EXPECT_GE(accuracy(SynthLevel::s, 200, 8), 0.99);
  EXPECT_GE(accuracy(SynthLevel::s, 200, 12), 0.99);
  EXPECT_GE(accuracy(SynthLevel::s, 200, 16), 0.99);
}

TEST(Oracle, ReadsLevelMFromTwentyFourFrames) {
  EXPECT_GE(accuracy(SynthLevel::m, 60, 24), 0.99);
  EXPECT_GE(accuracy(SynthLevel::m, 60, 16), 0.9);
}

TEST(Oracle, ReadsLevelsLAndXlFromThirtyTwoFrames) {
  EXPECT_GE(accuracy(SynthLevel::l, 20, 32), 0.99);
  EXPECT_GE(accuracy(SynthLevel::xl, 4, 32), 0.9);
  EXPECT_GE(accuracy(SynthLevel::xl, 4, 43), 0.99);
}

/// An independent reading of all frames of a clip: rest is where an object is
/// most of the time, order that of the first departures, direction that of the
/// first excursion, tempo by when its farthest point is reached.
SynthEvent read_naively(LevelSpec const& spec,
                        std::vector<SampledFrame> const& clip) {
  std::vector<std::pair<int, int>> departures;  // (frame, object)
  std::vector<std::vector<int>> offsets;
  for (std::size_t i = 0; i < clip[0].objects.size(); ++i) {
    std::map<int, int> votes;
    for (auto const& frame : clip) ++votes[frame.objects[i].x_px];
    int const rest =
        std::max_element(votes.begin(), votes.end(), [](auto& a, auto& b) {
          return a.second < b.second;
        })->first;
    std::vector<int> dx;
    for (auto const& frame : clip) dx.push_back(frame.objects[i].x_px - rest);
    auto const away =
        std::find_if(dx.begin(), dx.end(), [](int d) { return d != 0; });
    departures.emplace_back(away - dx.begin(), static_cast<int>(i));
    offsets.push_back(dx);
  }
  std::sort(departures.begin(), departures.end());
  SynthEvent event;
  for (auto const& [frame, object] : departures)
    event.order.push_back(
        clip[0].objects[static_cast<std::size_t>(object)].texture);
  auto const [start, mover] = departures.front();
  auto const& dx = offsets[static_cast<std::size_t>(mover)];
  int farthest = start;
  while (std::abs(dx[static_cast<std::size_t>(farthest + 1)]) >
         std::abs(dx[static_cast<std::size_t>(farthest)]))
    ++farthest;
  event.direction = dx[static_cast<std::size_t>(start)] < 0
                        ? Direction::left_first
                        : Direction::right_first;
  event.tempo = spec.has_tempo && farthest - start < 3 ? Tempo::ease_back
                                                       : Tempo::snap_back;
  return event;
}

TEST(Oracle, AgreesWithANaiveReadingOfAllFrames) {
  for (auto level : kLevels) {
    SynthLabels const labels(level, SynthTask::full);
    for (int draw = 0; draw < 3; ++draw) {
      Scene const scene = scene_of(level, draw);
      for (int id = 0; id < labels.size(); ++id) {
        auto const clip =
            sample(scene, labels.event(id), every_frame(scene.spec));
        ASSERT_EQ(labels.find(read_naively(scene.spec, clip)), id);
        auto const found = predict_from_states(labels, scene.spec, clip);
        ASSERT_TRUE(found) << found.error().what();
        ASSERT_EQ(*found, id);
      }
    }
  }
}

TEST(Oracle, MirroredStatesAreTheFlippedClass) {
  for (auto level : kLevels) {
    SynthLabels const labels(level, SynthTask::full);
    auto const flip = labels.flip_map();
    Scene const scene = scene_of(level, 11);
    for (int id = 0; id < labels.size(); ++id) {
      auto clip = sample(scene, labels.event(id), every_frame(scene.spec));
      for (auto& frame : clip)
        for (auto& object : frame.objects)
          object.x_px = scene.spec.width_px - 1 - object.x_px;
      auto const found = predict_from_states(labels, scene.spec, clip);
      ASSERT_TRUE(found) << found.error().what();
      ASSERT_EQ(*found, flip.at(static_cast<std::size_t>(id)));
    }
  }
}

TEST(Oracle, ReversedStatesAreTheReversedClass) {
  for (auto level : kLevels) {
    SynthLabels const labels(level, SynthTask::full);
    auto const reversal = labels.reversal_map();
    for (int draw = 0; draw < 4; ++draw) {
      Scene const scene = scene_of(level, draw);
      for (int id = 0; id < labels.size(); ++id) {
        auto clip = sample(scene, labels.event(id), every_frame(scene.spec));
        for (auto& frame : clip)
          frame.frame = scene.spec.num_frames - 1 - frame.frame;
        std::reverse(clip.begin(), clip.end());
        auto const found = predict_from_states(labels, scene.spec, clip);
        ASSERT_TRUE(found) << found.error().what();
        ASSERT_EQ(*found, reversal.at(static_cast<std::size_t>(id)));
      }
    }
  }
}

TEST(Oracle, TheTrueClassIsAlwaysConsistent) {
  SynthLabels const labels(SynthLevel::l, SynthTask::full);
  Scene const scene = scene_of(SynthLevel::l, 0);
  for (int num = 1; num <= 12; ++num)
    for (int id = 0; id < labels.size(); ++id) {
      auto const found = consistent_labels(
          labels, scene.spec,
          sample(scene, labels.event(id),
                 segment_centres(scene.spec.num_frames, num)));
      ASSERT_NE(std::find(found.begin(), found.end(), id), found.end());
    }
}

TEST(Oracle, SaysWhenTheSamplingLostTheLabelOrIsOfNoClip) {
  SynthLabels const labels(SynthLevel::s, SynthTask::full);
  Scene const scene = scene_of(SynthLevel::s, 0);
  auto sampled = sample(scene, labels.event(0), {0});
  EXPECT_EQ(consistent_labels(labels, scene.spec, sampled).size(), 4U);
  auto const lost = predict_from_states(labels, scene.spec, sampled);
  ASSERT_FALSE(lost);
  EXPECT_NE(std::string(lost.error().what()).find("lost"), std::string::npos);
  auto impossible = sample(scene, labels.event(0), every_frame(scene.spec));
  impossible[5].objects[0].y_px += 1;
  EXPECT_FALSE(predict_from_states(labels, scene.spec, impossible));
}

}  // namespace
}  // namespace gasm
