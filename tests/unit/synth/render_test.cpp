// SPDX-License-Identifier: Apache-2.0
#include "gasm/synth/render.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "gasm/base/hash.hpp"
#include "gasm/synth/write.hpp"

namespace gasm {
namespace {

Scene scene_of(SynthOptions const& options, int draw) {
  return draw_scene(options, SynthSplit::train, draw, ObjectSet::a);
}

/// Hashes of the frames of a clip, sorted: the multiset of what it shows.
std::vector<std::uint64_t> sorted_frames(std::vector<std::uint8_t> const& clip,
                                         LevelSpec const& spec) {
  auto const frame_bytes =
      static_cast<std::size_t>(3 * spec.width_px * spec.height_px);
  std::vector<std::uint64_t> hashes;
  for (std::size_t at = 0; at < clip.size(); at += frame_bytes)
    hashes.push_back(
        xxh64(std::as_bytes(std::span(clip).subspan(at, frame_bytes))));
  std::sort(hashes.begin(), hashes.end());
  return hashes;
}

/// Renders every clip of a draw from nothing and compares what they show.
void expect_same_frames_for_every_label(SynthOptions options, int num_draws) {
  options.num_train_draws = num_draws;
  options.num_val_draws = 0;
  options.num_test_draws = 0;
  LevelSpec const spec = level_spec(options);
  std::vector<std::uint64_t> first;
  std::set<std::uint64_t> whole_clips;
  auto const clips = plan_synth(options);
  for (auto const& clip : clips) {
    auto const pixels = render_clip(options, clip);
    auto const frames = sorted_frames(pixels, spec);
    ASSERT_EQ(static_cast<int>(frames.size()), spec.num_frames);
    if (clip.label == 0) first = frames;
    ASSERT_EQ(frames, first) << "draw " << clip.draw << ", " << clip.label;
    whole_clips.insert(xxh64(std::as_bytes(std::span(pixels))));
  }
  // Equal as sets, but no two clips are the same clip.
  EXPECT_EQ(whole_clips.size(), clips.size());
}

TEST(Multiset, SameFramesForEveryLabelAtLevelS) {
  expect_same_frames_for_every_label({.level = SynthLevel::s}, 40);
}

TEST(Multiset, SameFramesForEveryLabelAtLevelM) {
  expect_same_frames_for_every_label({.level = SynthLevel::m}, 10);
}

TEST(Multiset, SameSilhouettesForEveryLabel) {
  expect_same_frames_for_every_label(
      {.level = SynthLevel::s, .view = SynthView::silhouette}, 10);
}

/// The large levels: states rendered once (rendering again gives the same
/// bytes, shown for one state here and for S and M above).
void expect_reordering(SynthLevel level, int draw) {
  Scene const scene = scene_of({.level = level}, draw);
  auto const states = render_states(scene, SynthView::rgb);
  std::set<std::uint64_t> different;
  std::vector<std::uint64_t> hash;
  for (auto const& state : states) {
    hash.push_back(xxh64(std::as_bytes(std::span(state))));
    different.insert(hash.back());
  }
  EXPECT_EQ(different.size(), states.size());
  SynthLabels const labels(level, SynthTask::full);
  std::vector<std::uint64_t> first;
  for (int id = 0; id < labels.size(); ++id) {
    auto const sequence = state_sequence(scene, labels.event(id));
    std::vector<std::uint64_t> frames;
    for (int state : sequence)
      frames.push_back(hash.at(static_cast<std::size_t>(state)));
    std::sort(frames.begin(), frames.end());
    if (id == 0) {
      first = frames;
      EXPECT_EQ(sorted_frames(assemble_clip(states, sequence), scene.spec),
                first);
    }
    ASSERT_EQ(frames, first);
  }
}

TEST(Multiset, SameFramesForEveryLabelAtLevelL) {
  for (int draw = 0; draw < 3; ++draw) expect_reordering(SynthLevel::l, draw);
}

TEST(Multiset, SameFramesForEveryLabelAtLevelXl) {
  expect_reordering(SynthLevel::xl, 0);
}

TEST(Multiset, RobustnessKnobsBreakItAndSaySo) {
  // The check above is able to fail: a drifting dot stamps every frame.
  SynthOptions const options{.num_train_draws = 1, .num_distractors = 3};
  EXPECT_FALSE(options.proves_bounds());
  auto const clips = plan_synth(options);
  LevelSpec const spec = level_spec(options);
  EXPECT_NE(sorted_frames(render_clip(options, clips[0]), spec),
            sorted_frames(render_clip(options, clips[1]), spec));
}

/// Number of 8-connected sets of pixels that are not black.
int count_blobs(RgbFrame const& frame, int width, int height) {
  std::vector<char> open;
  for (std::size_t i = 0; i < frame.size(); i += 3)
    open.push_back(frame[i] > 0 ? 1 : 0);
  int blobs = 0;
  for (std::size_t start = 0; start < open.size(); ++start) {
    if (open[start] == 0) continue;
    ++blobs;
    std::vector<int> stack{static_cast<int>(start)};
    open[start] = 0;
    while (!stack.empty()) {
      int const at = stack.back();
      stack.pop_back();
      for (int k = 0; k < 9; ++k) {
        int const x = at % width + k % 3 - 1;
        int const y = at / width + k / 3 - 1;
        if (x < 0 || y < 0 || x >= width || y >= height) continue;
        auto const i = static_cast<std::size_t>(y * width + x);
        if (open[i] == 0) continue;
        open[i] = 0;
        stack.push_back(static_cast<int>(i));
      }
    }
  }
  return blobs;
}

bool touches_border(RgbFrame const& frame, int width, int height) {
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      if ((x == 0 || y == 0 || x == width - 1 || y == height - 1) &&
          frame[static_cast<std::size_t>(3 * (y * width + x))] > 0)
        return true;
  return false;
}

TEST(Render, ObjectsNeverTouchEachOtherOrTheBorder) {
  auto const expect_apart = [](SynthLevel level, ObjectSet set, int draws) {
    for (int draw = 0; draw < draws; ++draw) {
      Scene const scene =
          draw_scene({.level = level}, SynthSplit::train, draw, set);
      for (auto const& state : render_states(scene, SynthView::silhouette)) {
        ASSERT_EQ(count_blobs(state, scene.spec.width_px, scene.spec.height_px),
                  scene.spec.num_objects)
            << to_string(scene.shape);
        ASSERT_FALSE(
            touches_border(state, scene.spec.width_px, scene.spec.height_px));
      }
    }
  };
  expect_apart(SynthLevel::s, ObjectSet::a, 40);
  expect_apart(SynthLevel::s, ObjectSet::b, 40);
  expect_apart(SynthLevel::m, ObjectSet::a, 10);
  expect_apart(SynthLevel::m, ObjectSet::b, 10);
  expect_apart(SynthLevel::l, ObjectSet::b, 1);
  expect_apart(SynthLevel::xl, ObjectSet::a, 1);
}

TEST(Render, SilhouettesHoldNoTextureAndNoColour) {
  Scene scene = scene_of({.level = SynthLevel::m}, 5);
  auto const before = render_states(scene, SynthView::silhouette);
  auto const rgb_before = render_states(scene, SynthView::rgb);
  std::swap(scene.objects[0].texture, scene.objects[2].texture);
  for (auto& object : scene.objects) {
    object.base = {9, 99, 199};
    object.pattern = {200, 30, 3};
    object.angle = 1;
    object.period_px = 4;
  }
  EXPECT_EQ(render_states(scene, SynthView::silhouette), before);
  EXPECT_NE(render_states(scene, SynthView::rgb), rgb_before);
  for (std::size_t i = 0; i < before[0].size(); i += 3) {
    ASSERT_EQ(before[0][i], before[0][i + 1]);
    ASSERT_EQ(before[0][i], before[0][i + 2]);
  }
}

TEST(Render, SilhouetteStateShowsTheObjectAway) {
  Scene const scene = scene_of({.level = SynthLevel::s}, 3);
  auto const states = render_states(scene, SynthView::silhouette);
  // Centre of mass of all white pixels moves by step * steps / objects.
  auto const mean_x = [&](RgbFrame const& frame) {
    double sum = 0;
    double weight = 0;
    for (std::size_t i = 0; i < frame.size(); i += 3) {
      auto const x = static_cast<int>(i / 3) % scene.spec.width_px;
      sum += x * static_cast<double>(frame[i]);
      weight += frame[i];
    }
    return sum / weight;
  };
  for (int state = 1; state < num_states(scene.spec); ++state) {
    auto const offset = state_offset(scene.spec, state);
    EXPECT_NEAR(
        mean_x(states[static_cast<std::size_t>(state)]) - mean_x(states[0]),
        offset.steps * scene.step_px / 2.0, 1e-6);
  }
}

TEST(Render, NoiseHasTheAskedDeviationAndDiffersBetweenStates) {
  SynthOptions options{.level = SynthLevel::s, .noise_sigma = 0.0};
  auto const clean = render_states(scene_of(options, 1), SynthView::rgb);
  options.noise_sigma = 3.0;
  auto const noisy = render_states(scene_of(options, 1), SynthView::rgb);
  double sum = 0;
  double squares = 0;
  int count = 0;
  for (std::size_t i = 0; i < clean[0].size(); ++i) {
    if (clean[0][i] < 16 || clean[0][i] > 239) continue;  // not clipped
    double const d = noisy[0][i] - static_cast<double>(clean[0][i]);
    sum += d;
    squares += d * d;
    ++count;
  }
  // Both are rounded to integers: variance 9 + 2/12.
  EXPECT_NEAR(sum / count, 0, 0.1);
  EXPECT_NEAR(std::sqrt(squares / count), std::sqrt(9 + 1.0 / 6), 0.1);
  // The corner shows background alone, the same in every clean state.
  EXPECT_TRUE(
      std::equal(clean[0].begin(), clean[0].begin() + 90, clean[1].begin()));
  EXPECT_FALSE(
      std::equal(noisy[0].begin(), noisy[0].begin() + 90, noisy[1].begin()));
}

TEST(Render, TheSameSceneGivesTheSameBytes) {
  for (auto level : {SynthLevel::s, SynthLevel::m}) {
    Scene const scene = scene_of({.level = level}, 7);
    EXPECT_EQ(render_states(scene, SynthView::rgb),
              render_states(scene, SynthView::rgb));
  }
}

TEST(Render, ContrastDrawsThePatternTowardsTheBase) {
  SynthOptions options;
  Scene const full = scene_of(options, 2);
  options.contrast = 0.25;
  Scene const faint = scene_of(options, 2);
  for (std::size_t i = 0; i < full.objects.size(); ++i)
    for (std::size_t c = 0; c < 3; ++c)
      EXPECT_NEAR(faint.objects[i].pattern[c] - faint.objects[i].base[c],
                  0.25 * (full.objects[i].pattern[c] - full.objects[i].base[c]),
                  1e-9);
}

/// Mean absolute difference of neighbours in a black-and-white texture.
double edge_density(SynthLevel level, int texture) {
  double sum = 0;
  int count = 0;
  for (int draw = 0; draw < 6; ++draw) {
    Scene scene = scene_of({.level = level, .noise_sigma = 0.0}, draw);
    scene.shape = Shape::circle;
    auto const slots = texture_in_slot(scene);
    auto const slot = std::find(slots.begin(), slots.end(), texture);
    auto& object =
        scene.objects[static_cast<std::size_t>(slot - slots.begin())];
    object.base = {0, 0, 0};
    object.pattern = {255, 255, 255};
    auto const crop =
        render_texture_crops(scene, static_cast<int>(slot - slots.begin()));
    // The middle of the crop may be off by the window's shift; the inner half
    // of the disc is inside whatever the shift was.
    int const side = scene.spec.crop_px;
    int const reach = scene.spec.min_radius_px / 3;
    for (int y = side / 2 - reach; y < side / 2 + reach; ++y)
      for (int x = side / 2 - reach; x < side / 2 + reach; ++x) {
        auto const at = [&](int i, int j) {
          return static_cast<int>(
              crop[static_cast<std::size_t>(3 * (j * side + i))]);
        };
        sum += std::abs(at(x + 1, y) - at(x, y)) +
               std::abs(at(x, y + 1) - at(x, y));
        ++count;
      }
  }
  return sum / count / 255;
}

TEST(Render, TexturesDifferClearlyInEdgeDensity) {
  // Indices: striped 0, dotted 1, plain 2, checked 3 (S: striped 0, plain 1).
  EXPECT_GT(edge_density(SynthLevel::s, 0),
            edge_density(SynthLevel::s, 1) + 0.1);
  for (auto level : {SynthLevel::m, SynthLevel::xl}) {
    double const striped = edge_density(level, 0);
    double const dotted = edge_density(level, 1);
    EXPECT_GT(striped, 1.4 * dotted);
    EXPECT_GT(dotted, edge_density(level, 2) + 0.02);
  }
  EXPECT_GT(edge_density(SynthLevel::xl, 3),
            1.4 * edge_density(SynthLevel::xl, 0));
}

TEST(Render, EveryPatternShowsOnEveryShape) {
  // Share of an object's area that has the pattern's colour.
  double least = 1;
  for (auto set : {ObjectSet::a, ObjectSet::b})
    for (int draw = 0; draw < 120; ++draw) {
      Scene scene = draw_scene({.level = SynthLevel::m, .noise_sigma = 0.0},
                               SynthSplit::train, draw, set);
      scene.background = {Rgb{0, 0, 0}, Rgb{0, 0, 0}};
      std::fill(scene.clutter.begin(), scene.clutter.end(), 0.0);
      for (std::size_t i = 0; i < scene.objects.size(); ++i) {
        if (scene.objects[i].texture == 2) continue;  // plain
        scene.objects[i].base = {255, 0, 0};
        scene.objects[i].pattern = {255, 255, 0};
        auto const crop = render_texture_crops(scene, static_cast<int>(i));
        double red = 0;
        double green = 0;
        for (std::size_t at = 0; at < crop.size(); at += 3) {
          red += crop[at];
          green += crop[at + 1];
        }
        least = std::min(least, green / red);
      }
    }
  EXPECT_GT(least, 0.04);
}

TEST(TextureCrops, ShowTheOneObjectWhole) {
  for (int draw = 0; draw < 20; ++draw) {
    Scene scene = scene_of({.level = SynthLevel::s, .noise_sigma = 0.0}, draw);
    // White objects on black: their mass must be that of one silhouette.
    scene.background = {Rgb{0, 0, 0}, Rgb{0, 0, 0}};
    std::fill(scene.clutter.begin(), scene.clutter.end(), 0.0);
    for (auto& object : scene.objects)
      object.base = object.pattern = {255, 255, 255};
    auto const mass = [](auto const& bytes) {
      double sum = 0;
      for (auto byte : bytes) sum += byte;
      return sum;
    };
    double const both =
        mass(render_states(scene, SynthView::silhouette).front());
    auto const& spec = scene.spec;
    for (int object = 0; object < 2; ++object) {
      auto const crops = render_texture_crops(scene, object);
      auto const bytes =
          static_cast<std::size_t>(3 * spec.crop_px * spec.crop_px);
      ASSERT_EQ(crops.size(), 8 * bytes);
      for (std::size_t t = 0; t < 8; ++t)
        ASSERT_NEAR(mass(std::span(crops).subspan(t * bytes, bytes)), both / 2,
                    1);
    }
  }
}

TEST(Disturb, PanShiftsTheLastFrameByItsWholeWidth) {
  LevelSpec spec = level_spec({});
  std::vector<std::uint8_t> clip(
      static_cast<std::size_t>(2 * 3 * spec.width_px * spec.height_px));
  for (std::size_t i = 0; i < clip.size(); ++i)
    clip[i] = static_cast<std::uint8_t>(i / 3 % static_cast<std::size_t>(128));
  auto const before = clip;
  disturb_clip(clip, spec, 0, 5, 1);
  auto const half = clip.size() / 2;
  EXPECT_TRUE(std::equal(clip.begin(),
                         clip.begin() + static_cast<std::ptrdiff_t>(half),
                         before.begin()));
  EXPECT_EQ(clip[half], 0);          // the edge repeats
  EXPECT_EQ(clip[half + 3 * 5], 0);  // pixel 5 shows pixel 0
  EXPECT_EQ(clip[half + 3 * 100], 95);
}

}  // namespace
}  // namespace gasm
