// SPDX-License-Identifier: Apache-2.0
#include "gasm/synth/scene.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

constexpr std::array kLevels{SynthLevel::s, SynthLevel::m, SynthLevel::l,
                             SynthLevel::xl};

Scene scene_of(SynthLevel level, int draw, ObjectSet set = ObjectSet::a) {
  return draw_scene({.level = level}, SynthSplit::train, draw, set);
}

TEST(LevelSpec, SizesAndLengths) {
  auto const expect = [](SynthLevel level, int width, int height, int frames,
                         int states) {
    LevelSpec const spec = level_spec({.level = level});
    EXPECT_EQ(spec.width_px, width);
    EXPECT_EQ(spec.height_px, height);
    EXPECT_EQ(spec.num_frames, frames);
    EXPECT_EQ(num_states(spec), states);
    EXPECT_EQ(spec.fps, 12);
  };
  expect(SynthLevel::s, 128, 96, 24, 1 + 2 * 4);
  expect(SynthLevel::m, 128, 96, 36, 1 + 3 * 4);
  expect(SynthLevel::l, 427, 240, 66, 1 + 3 * 12);
  expect(SynthLevel::xl, 427, 240, 8 * 8 + 7 * 2 + 8, 1 + 4 * 12);
}

TEST(LevelSpec, GapFramesLengthenTheClip) {
  EXPECT_EQ(level_spec({.level = SynthLevel::s, .gap_frames = 5}).num_frames,
            24 + 3);
  EXPECT_EQ(level_spec({.level = SynthLevel::l, .gap_frames = 0}).num_frames,
            66 - 5 * 2);
}

TEST(LevelSpec, BothTempiVisitTheSamePoints) {
  for (auto level : kLevels) {
    auto path = level_spec({.level = level}).path;
    std::sort(path.snap_back.begin(), path.snap_back.end());
    std::sort(path.ease_back.begin(), path.ease_back.end());
    EXPECT_EQ(path.snap_back, path.ease_back);
  }
}

TEST(Scene, SequenceAtLevelS) {
  Scene scene = scene_of(SynthLevel::s, 0);
  scene.lead_frames = 3;
  scene.objects[0].texture = 1;  // plain on the left
  scene.objects[1].texture = 0;
  // Striped (slot 1) first, right then left. States: 1..4 are offsets -2, -1,
  // 1, 2 of slot 0 and 5..8 those of slot 1.
  SynthEvent const event{{0, 1}, Direction::right_first, Tempo::snap_back};
  std::vector<int> const want{0, 0, 0,                 //
                              7, 8, 7, 0, 6, 5, 6, 0,  //
                              0, 0,                    //
                              3, 4, 3, 0, 2, 1, 2, 0,  //
                              0, 0, 0};
  EXPECT_EQ(state_sequence(scene, event), want);
}

TEST(Scene, SlowPassHasSixFramesAndFastPassTwo) {
  Scene scene = scene_of(SynthLevel::l, 0);
  SynthEvent event{texture_in_slot(scene), Direction::left_first,
                   Tempo::snap_back};
  auto const offsets = [&](int from) {
    std::vector<int> steps;
    for (int state : state_sequence(scene, event))
      steps.push_back(state_offset(scene.spec, state).steps);
    auto const begin = steps.begin() + scene.lead_frames + from;
    return std::vector<int>(begin, begin + 10);
  };
  EXPECT_THAT(offsets(0),
              testing::ElementsAre(-1, -2, -3, -4, -5, -6, -3, 0, 0, 0));
  EXPECT_THAT(offsets(10), testing::ElementsAre(1, 2, 3, 4, 5, 6, 3, 0, 0, 0));
  event.tempo = Tempo::ease_back;
  EXPECT_THAT(offsets(0),
              testing::ElementsAre(-3, -6, -5, -4, -3, -2, -1, 0, 0, 0));
}

TEST(Scene, EveryLabelShowsEveryStateEquallyOften) {
  // A single frame at an unknown time says nothing: I(state; label) = 0.
  for (auto level : kLevels)
    for (int draw = 0; draw < 10; ++draw) {
      Scene const scene = scene_of(level, draw);
      SynthLabels const labels(level, SynthTask::full);
      std::map<int, std::set<std::ptrdiff_t>> counts;  // by state
      for (int id = 0; id < labels.size(); ++id) {
        auto const sequence = state_sequence(scene, labels.event(id));
        ASSERT_EQ(static_cast<int>(sequence.size()), scene.spec.num_frames);
        for (int state = 0; state < num_states(scene.spec); ++state)
          counts[state].insert(
              std::count(sequence.begin(), sequence.end(), state));
      }
      for (auto const& [state, found] : counts) {
        ASSERT_EQ(found.size(), 1U) << "state " << state;
        ASSERT_GE(*found.begin(), 1);
      }
    }
}

TEST(Scene, ObjectsStayInTheFrameAndApart) {
  for (auto level : kLevels)
    for (int draw = 0; draw < 300; ++draw) {
      Scene const scene = scene_of(level, draw);
      int const r = scene.radius_px;
      for (int state = 0; state < num_states(scene.spec); ++state) {
        auto const at = object_states(scene, state);
        for (std::size_t i = 0; i < at.size(); ++i) {
          ASSERT_GE(at[i].x_px - r, 1);
          ASSERT_GE(at[i].y_px - r, 1);
          ASSERT_LT(at[i].x_px + r, scene.spec.width_px - 1);
          ASSERT_LT(at[i].y_px + r, scene.spec.height_px - 1);
          for (std::size_t j = 0; j < i; ++j)
            ASSERT_TRUE(std::abs(at[i].x_px - at[j].x_px) > 2 * r + 1 ||
                        std::abs(at[i].y_px - at[j].y_px) > 2 * r + 1);
        }
      }
    }
}

TEST(Scene, SlotsAreNamedFromTheLeft) {
  for (auto level : kLevels)
    for (int draw = 0; draw < 100; ++draw) {
      Scene const scene = scene_of(level, draw);
      for (std::size_t i = 1; i < scene.objects.size(); ++i)
        ASSERT_GE(2 * (scene.objects[i].x_px - scene.objects[i - 1].x_px),
                  scene.radius_px);
    }
}

TEST(Scene, TexturesAreAssignedToSlotsUniformly) {
  // 6000 draws over 6 assignments: 1000 each, 5 standard deviations = 144.
  std::map<std::vector<int>, int> counts;
  for (int draw = 0; draw < 6000; ++draw)
    ++counts[texture_in_slot(scene_of(SynthLevel::m, draw))];
  ASSERT_EQ(counts.size(), 6U);
  for (auto const& [assignment, count] : counts) EXPECT_NEAR(count, 1000, 144);
}

TEST(Scene, LeadInTakesEveryAllowedValue) {
  std::set<int> s;
  std::set<int> l;
  for (int draw = 0; draw < 200; ++draw) {
    s.insert(scene_of(SynthLevel::s, draw).lead_frames);
    l.insert(scene_of(SynthLevel::l, draw).lead_frames);
  }
  EXPECT_THAT(s, testing::ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(l, testing::ElementsAre(2, 3, 4, 5, 6, 7));
}

/// Hue in degrees by the textbook formula.
double hue_deg(Rgb const& c) {
  double const high = std::max({c[0], c[1], c[2]});
  double const range = high - std::min({c[0], c[1], c[2]});
  double hue = 0;
  if (high == c[0])
    hue = 60 * std::fmod((c[1] - c[2]) / range, 6);
  else if (high == c[1])
    hue = 60 * ((c[2] - c[0]) / range + 2);
  else
    hue = 60 * ((c[0] - c[1]) / range + 4);
  return hue < 0 ? hue + 360 : hue;
}

TEST(Scene, SetsDifferInShapesAndHues) {
  for (int draw = 0; draw < 100; ++draw)
    for (auto set : {ObjectSet::a, ObjectSet::b}) {
      Scene const scene = scene_of(SynthLevel::s, draw, set);
      int const is_b = set == ObjectSet::b ? 1 : 0;
      EXPECT_EQ(static_cast<int>(scene.shape) >= 8, is_b == 1);
      for (auto const& object : scene.objects)
        for (auto const& colour : {object.base, object.pattern})
          EXPECT_EQ(static_cast<int>(hue_deg(colour) / 60) % 2, is_b);
    }
}

TEST(Scene, ContrastsKeepObjectsAndPatternsVisible) {
  auto const grey = [](Rgb const& c) {
    return 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2];
  };
  for (int draw = 0; draw < 100; ++draw) {
    Scene const scene = scene_of(SynthLevel::m, draw);
    for (auto const& object : scene.objects) {
      for (auto const& background : scene.background)
        EXPECT_GT(std::abs(grey(object.base) - grey(background)), 45);
      EXPECT_GT(std::abs(grey(object.base) - grey(object.pattern)), 70);
    }
  }
}

TEST(Scene, IsAPureFunctionOfSeedSplitDrawAndSet) {
  auto const positions = [](std::uint64_t seed, SynthSplit split, int draw,
                            ObjectSet set) {
    Scene const scene = draw_scene({.seed = seed}, split, draw, set);
    return std::pair(scene.noise_key, scene.objects[0].base);
  };
  auto const first = positions(1, SynthSplit::train, 2, ObjectSet::a);
  EXPECT_EQ(first, positions(1, SynthSplit::train, 2, ObjectSet::a));
  EXPECT_NE(first, positions(2, SynthSplit::train, 2, ObjectSet::a));
  EXPECT_NE(first, positions(1, SynthSplit::val_iid, 2, ObjectSet::a));
  EXPECT_NE(first, positions(1, SynthSplit::train, 3, ObjectSet::a));
  EXPECT_NE(first, positions(1, SynthSplit::train, 2, ObjectSet::b));
}

TEST(Scene, ShapeIsKnownWithoutDrawingTheScene) {
  for (int draw = 0; draw < 50; ++draw)
    EXPECT_EQ(draw_shape({}, SynthSplit::test, draw, ObjectSet::b),
              draw_scene({}, SynthSplit::test, draw, ObjectSet::b).shape);
}

TEST(Scene, KnobsScaleSizeAndExcursion) {
  LevelSpec const spec = level_spec(
      {.level = SynthLevel::l, .size_scale = 0.5, .excursion_scale = 2});
  EXPECT_EQ(spec.min_radius_px, 13);
  EXPECT_EQ(spec.max_radius_px, 16);
  EXPECT_THAT(spec.steps_px, testing::ElementsAre(8, 10));
}

TEST(Scene, WhatDoesNotFitIsAUsageError) {
  SynthOptions const options{.level = SynthLevel::m, .size_scale = 2.0};
  try {
    draw_scene(options, SynthSplit::train, 0, ObjectSet::a);
    FAIL() << "placed";
  } catch (Error const& e) {
    EXPECT_EQ(e.code(), ExitCode::usage);
    EXPECT_THAT(e.what(), testing::HasSubstr("size_scale"));
  }
}

TEST(Shapes, LieWithinTheUnitCircleAndAreBigEnoughForATexture) {
  for (auto set : {ObjectSet::a, ObjectSet::b})
    for (auto shape : shapes_of(set)) {
      int inside = 0;
      constexpr int kSteps = 200;
      for (int i = 0; i < kSteps * kSteps; ++i) {
        double const x = -1.5 + 3.0 * (i % kSteps + 0.5) / kSteps;
        double const y = -1.5 + 3.0 * (i / kSteps + 0.5) / kSteps;
        if (!is_inside(shape, x, y)) continue;
        ++inside;
        ASSERT_LE(std::hypot(x, y), 1.0) << to_string(shape);
      }
      double const area = inside * 9.0 / (kSteps * kSteps);
      EXPECT_GT(area, 0.9) << to_string(shape);
    }
}

TEST(Shapes, KnownAreas) {
  auto const area = [](Shape shape) {
    int inside = 0;
    for (int i = 0; i < 400 * 400; ++i)
      inside += is_inside(shape, -1 + (i % 400 + 0.5) / 200,
                          -1 + (i / 400 + 0.5) / 200);
    return inside / 40000.0;
  };
  EXPECT_NEAR(area(Shape::circle), M_PI, 0.01);
  EXPECT_NEAR(area(Shape::square), 1.96, 0.01);
  EXPECT_NEAR(area(Shape::triangle), 3 * std::sqrt(3.0) / 4, 0.01);
  EXPECT_NEAR(area(Shape::hexagon), 3 * std::sqrt(3.0) / 2, 0.01);
  EXPECT_NEAR(area(Shape::diamond), 1.44, 0.01);
  // n triangles pairs (0, tip, notch): n * inner * sin(pi / n).
  EXPECT_NEAR(area(Shape::star5), 5 * 0.5 * std::sin(M_PI / 5), 0.01);
  EXPECT_NEAR(area(Shape::star6), 6 * 0.6 * std::sin(M_PI / 6), 0.01);
  EXPECT_NEAR(area(Shape::ring), M_PI * (1 - 0.42 * 0.42), 0.01);
}

}  // namespace
}  // namespace gasm
