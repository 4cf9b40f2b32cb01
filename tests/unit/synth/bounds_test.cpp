// SPDX-License-Identifier: Apache-2.0
#include "gasm/synth/bounds.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "gasm/base/rng.hpp"
#include "gasm/synth/scene.hpp"

namespace gasm {
namespace {

constexpr std::array kLevels{SynthLevel::s, SynthLevel::m, SynthLevel::l,
                             SynthLevel::xl};

/// Percent with two decimals.
int basis_points(ExactFraction const& f) {
  return static_cast<int>(10000 * f.value() + 0.5);
}

TEST(Bounds, AreThoseOfTheTable) {
  auto const expect = [](SynthLevel level, int bag, int snippet, int motion) {
    SynthBounds const b = synth_bounds({.level = level});
    EXPECT_EQ(basis_points(b.single_frame), bag);
    EXPECT_EQ(basis_points(b.bag_of_frames), bag);
    EXPECT_EQ(basis_points(b.short_snippets), snippet);
    EXPECT_EQ(basis_points(b.motion_only), motion);
    EXPECT_EQ(basis_points(b.additive_fusion), 7500);
    EXPECT_EQ(basis_points(b.all), 10000);
  };
  expect(SynthLevel::s, 2500, 2500, 5000);
  expect(SynthLevel::m, 833, 833, 1667);
  expect(SynthLevel::l, 417, 833, 1667);
  expect(SynthLevel::xl, 104, 208, 417);
  EXPECT_EQ(synth_bounds({.level = SynthLevel::l}).max_snippet_frames, 3);
  EXPECT_EQ(synth_bounds({.level = SynthLevel::s}).max_snippet_frames, 2);
  EXPECT_EQ((ExactFraction{1, 24}.text()), "1/24 = 4.167 %");
  EXPECT_EQ((ExactFraction{1, 1}.text()), "100 %");
}

/// Best top-1 from the unordered bag of windows of k frames, scene known: the
/// number of different bags over the number of classes.
double snippet_top1(Scene const& scene, SynthLabels const& labels, int k) {
  std::set<std::multiset<std::vector<int>>> bags;
  for (int id = 0; id < labels.size(); ++id) {
    auto const sequence = state_sequence(scene, labels.event(id));
    std::multiset<std::vector<int>> bag;
    for (auto at = sequence.begin(); sequence.end() - at >= k; ++at)
      bag.insert(std::vector<int>(at, at + k));
    bags.insert(bag);
  }
  return static_cast<double>(bags.size()) / labels.size();
}

TEST(Bounds, SnippetsByEnumeration) {
  for (auto level : kLevels) {
    SynthLabels const labels(level, SynthTask::full);
    SynthBounds const bounds = synth_bounds({.level = level});
    for (int draw = 0; draw < (level == SynthLevel::xl ? 4 : 30); ++draw) {
      Scene const scene =
          draw_scene({.level = level}, SynthSplit::train, draw, ObjectSet::a);
      EXPECT_DOUBLE_EQ(snippet_top1(scene, labels, 1),
                       bounds.bag_of_frames.value());
      EXPECT_DOUBLE_EQ(snippet_top1(scene, labels, bounds.max_snippet_frames),
                       bounds.short_snippets.value());
      // Long windows see everything.
      EXPECT_DOUBLE_EQ(snippet_top1(scene, labels, scene.spec.num_frames), 1.0);
    }
  }
  // One frame more says more: at S a window then spans left and right.
  Scene const scene = draw_scene({}, SynthSplit::train, 0, ObjectSet::a);
  SynthLabels const labels(SynthLevel::s, SynthTask::full);
  EXPECT_GT(snippet_top1(scene, labels, 3), 0.25);
}

TEST(Bounds, SnippetsByEnumerationForOtherGaps) {
  for (auto level : {SynthLevel::s, SynthLevel::m, SynthLevel::l})
    for (int gap : {0, 1, 3, 9}) {
      SynthOptions const options{.level = level, .gap_frames = gap};
      SynthLabels const labels(level, SynthTask::full);
      SynthBounds const bounds = synth_bounds(options);
      for (int draw = 0; draw < 12; ++draw) {
        Scene const scene =
            draw_scene(options, SynthSplit::train, draw, ObjectSet::a);
        EXPECT_DOUBLE_EQ(snippet_top1(scene, labels, bounds.max_snippet_frames),
                         bounds.short_snippets.value())
            << to_string(level) << " gap " << gap;
      }
    }
  // The bound of the level itself would be false: a window of 3 frames spans
  // two excursions with but one frame between them.
  Scene const scene = draw_scene({.level = SynthLevel::l, .gap_frames = 0},
                                 SynthSplit::train, 0, ObjectSet::a);
  SynthLabels const labels(SynthLevel::l, SynthTask::full);
  EXPECT_GT(snippet_top1(scene, labels, 3),
            synth_bounds({.level = SynthLevel::l}).short_snippets.value());
}

TEST(Bounds, MotionByEnumeration) {
  for (auto level : kLevels) {
    SynthLabels const labels(level, SynthTask::full);
    SynthLabels const motions(level, SynthTask::motion);
    std::map<int, std::map<int, int>> counts;  // motion class, class
    std::vector<int> slots = labels.event(0).order;
    std::sort(slots.begin(), slots.end());
    int total = 0;
    do {
      for (int id = 0; id < labels.size(); ++id, ++total)
        ++counts[motions.find(to_motion(labels.event(id), slots))][id];
    } while (std::next_permutation(slots.begin(), slots.end()));
    int best = 0;
    for (auto const& [motion, by_class] : counts)
      best +=
          std::max_element(by_class.begin(), by_class.end(),
                           [](auto& a, auto& b) { return a.second < b.second; })
              ->second;
    EXPECT_DOUBLE_EQ(static_cast<double>(best) / total,
                     synth_bounds({.level = level}).motion_only.value());
  }
}

/// Share of the cells (assignment a, slot order b) of two objects that argmax
/// over y of f[a][y] + g[b][y] gets right; the truth is y = a xor b.
double additive_top1(std::array<double, 4> const& f,
                     std::array<double, 4> const& g) {
  int right = 0;
  for (unsigned a = 0; a < 2; ++a)
    for (unsigned b = 0; b < 2; ++b) {
      double const margin = f[2 * a + 1] + g[2 * b + 1] - f[2 * a] - g[2 * b];
      right += (margin > 0) == ((a ^ b) == 1) && margin != 0 ? 1 : 0;
    }
  return right / 4.0;
}

TEST(Bounds, AdditiveFusionOfTwoObjectsReachesThreeQuartersAndNoMore) {
  double const bound = synth_bounds({}).additive_fusion.value();
  EXPECT_EQ(additive_top1({0, -1, 0, 2}, {0, -0.5, 0, 2}), bound);
  Rng rng(1);
  for (int trial = 0; trial < 20000; ++trial) {
    std::array<double, 4> f{};
    std::array<double, 4> g{};
    for (auto& value : f) value = rng.normal();
    for (auto& value : g) value = rng.normal();
    ASSERT_LE(additive_top1(f, g), bound);
  }
}

}  // namespace
}  // namespace gasm
