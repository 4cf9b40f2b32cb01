// SPDX-License-Identifier: Apache-2.0
#include "gasm/synth/labels.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

using testing::ElementsAre;

constexpr std::array kLevels{SynthLevel::s, SynthLevel::m, SynthLevel::l,
                             SynthLevel::xl};
constexpr std::array kTasks{SynthTask::full, SynthTask::texture,
                            SynthTask::motion};

/// Swaps the whole words left and right: an independent flip map.
std::string swap_left_right(std::string const& text) {
  std::string swapped;
  std::string word;
  for (char c : text + " ") {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      word += c;
      continue;
    }
    swapped += word == "left" ? "right" : word == "right" ? "left" : word;
    swapped += c;
    word.clear();
  }
  swapped.pop_back();
  return swapped;
}

TEST(SynthLabels, CountsAreOrdersTimesManners) {
  EXPECT_EQ(SynthLabels(SynthLevel::s, SynthTask::full).size(), 2 * 2);
  EXPECT_EQ(SynthLabels(SynthLevel::m, SynthTask::full).size(), 6 * 2);
  EXPECT_EQ(SynthLabels(SynthLevel::l, SynthTask::full).size(), 6 * 2 * 2);
  EXPECT_EQ(SynthLabels(SynthLevel::xl, SynthTask::full).size(), 24 * 2 * 2);
  EXPECT_EQ(SynthLabels(SynthLevel::xl, SynthTask::motion).size(), 96);
  EXPECT_EQ(SynthLabels(SynthLevel::xl, SynthTask::texture).size(), 4);
}

TEST(SynthLabels, IdsAreRowsOfTheAlphabeticalKeys) {
  SynthLabels const labels(SynthLevel::s, SynthTask::full);
  EXPECT_EQ(labels.key(0),
            "Pushing something plain and something striped left then right");
  EXPECT_EQ(labels.key(1),
            "Pushing something plain and something striped right then left");
  EXPECT_EQ(labels.key(2),
            "Pushing something striped and something plain left then right");
  EXPECT_EQ(labels.key(3),
            "Pushing something striped and something plain right then left");
  for (auto level : kLevels)
    for (auto task : kTasks) {
      SynthLabels const all(level, task);
      for (int id = 1; id < all.size(); ++id)
        EXPECT_LT(all.key(id - 1), all.key(id));
    }
}

TEST(SynthLabels, TemplatesFollowTheGrammar) {
  SynthLabels const l(SynthLevel::l, SynthTask::full);
  // Textures of the level: striped 0, dotted 1, plain 2.
  int const id = l.find({{0, 1, 2}, Direction::left_first, Tempo::snap_back});
  EXPECT_EQ(l.bracketed(id),
            "Pushing [something striped], [something dotted] and [something "
            "plain] left then right, letting each snap back");
  EXPECT_THAT(
      l.placeholders(id, "hexagon"),
      ElementsAre("striped hexagon", "dotted hexagon", "plain hexagon"));
  EXPECT_EQ(l.sentence(id, "L"),
            "pushing striped l, dotted l and plain l left then right, letting "
            "each snap back");
  int const other =
      l.find({{2, 0, 1}, Direction::right_first, Tempo::ease_back});
  EXPECT_EQ(l.bracketed(other),
            "Pushing [something plain], [something striped] and [something "
            "dotted] right then left, easing each back");
  SynthLabels const motion(SynthLevel::xl, SynthTask::motion);
  EXPECT_EQ(motion.bracketed(motion.find(
                {{3, 0, 1, 2}, Direction::left_first, Tempo::snap_back})),
            "Pushing [the far right something], [the far left something], "
            "[the near left something] and [the near right something] left "
            "then right, letting each snap back");
  SynthLabels const texture(SynthLevel::s, SynthTask::texture);
  EXPECT_EQ(texture.bracketed(1), "Showing [something striped]");
}

TEST(SynthLabels, EventsAndIdsAreOneToOne) {
  for (auto level : kLevels)
    for (auto task : kTasks) {
      SynthLabels const labels(level, task);
      for (int id = 0; id < labels.size(); ++id)
        EXPECT_EQ(labels.find(labels.event(id)), id);
    }
  SynthLabels const s(SynthLevel::s, SynthTask::full);
  EXPECT_EQ(s.find({{0, 1, 2}, Direction::left_first, Tempo::snap_back}), -1);
}

TEST(SynthLabels, FlipMapIsTheSwapOfLeftAndRightInTheTemplate) {
  for (auto level : kLevels)
    for (auto task : kTasks) {
      SynthLabels const labels(level, task);
      auto const flip = labels.flip_map();
      for (int id = 0; id < labels.size(); ++id) {
        int const to = flip.at(static_cast<std::size_t>(id));
        EXPECT_EQ(labels.key(to), swap_left_right(labels.key(id)));
      }
    }
}

TEST(SynthLabels, FlipAndReversalAreInvolutionsWithoutFixedPoints) {
  for (auto level : kLevels)
    for (auto task : {SynthTask::full, SynthTask::motion}) {
      SynthLabels const labels(level, task);
      for (auto const& map : {labels.flip_map(), labels.reversal_map()})
        for (int id = 0; id < labels.size(); ++id) {
          int const to = map.at(static_cast<std::size_t>(id));
          EXPECT_NE(to, id);
          EXPECT_EQ(map.at(static_cast<std::size_t>(to)), id);
        }
    }
}

TEST(SynthLabels, ReversalReversesTheOrderAndSwapsBothManners) {
  SynthLabels const labels(SynthLevel::l, SynthTask::full);
  int const from =
      labels.find({{0, 1, 2}, Direction::left_first, Tempo::snap_back});
  int const to =
      labels.find({{2, 1, 0}, Direction::right_first, Tempo::ease_back});
  EXPECT_EQ(labels.reversal_map().at(static_cast<std::size_t>(from)), to);
}

TEST(SynthLabels, MotionNamesSlotsInsteadOfTextures) {
  // Textures 2, 0, 1 stand from left to right.
  std::vector<int> const slots{2, 0, 1};
  SynthEvent const full{{0, 1, 2}, Direction::left_first, Tempo::ease_back};
  SynthEvent const motion = to_motion(full, slots);
  EXPECT_THAT(motion.order, ElementsAre(1, 2, 0));
  EXPECT_EQ(motion.tempo, Tempo::ease_back);
  EXPECT_EQ(to_full(motion, slots), full);
}

TEST(SynthLabels, MotionFlipFollowsFromMirroringTheSlots) {
  for (auto level : kLevels) {
    SynthLabels const full(level, SynthTask::full);
    SynthLabels const motion(level, SynthTask::motion);
    std::vector<int> slots(full.event(0).order);
    do {
      std::vector<int> const mirrored(slots.rbegin(), slots.rend());
      for (int id = 0; id < full.size(); ++id) {
        int const flipped = full.flip_map().at(static_cast<std::size_t>(id));
        int const before = motion.find(to_motion(full.event(id), slots));
        int const after = motion.find(to_motion(full.event(flipped), mirrored));
        ASSERT_EQ(motion.flip_map().at(static_cast<std::size_t>(before)),
                  after);
      }
      if (level == SynthLevel::xl) break;  // one arrangement is enough
    } while (std::next_permutation(slots.begin(), slots.end()));
  }
}

TEST(SynthLabels, MannerGroupSplitsTheClassesInHalf) {
  for (auto level : kLevels) {
    SynthLabels const labels(level, SynthTask::full);
    bool const has_tempo = level == SynthLevel::l || level == SynthLevel::xl;
    int second = 0;
    for (int id = 0; id < labels.size(); ++id)
      second += manner_group(labels.event(id), has_tempo);
    EXPECT_EQ(2 * second, labels.size());
  }
  SynthEvent const event{{0, 1}, Direction::right_first, Tempo::snap_back};
  EXPECT_EQ(manner_group(event, false), 1);
  EXPECT_EQ(manner_group(event, true), 0);
}

TEST(SynthOptions, WordsAreParsedAndTyposNamed) {
  EXPECT_EQ(parse_synth_level("XL"), SynthLevel::xl);
  EXPECT_EQ(parse_synth_view("silhouette"), SynthView::silhouette);
  EXPECT_EQ(parse_synth_task("motion"), SynthTask::motion);
  try {
    parse_synth_view("silhuette");
    FAIL() << "accepted";
  } catch (Error const& e) {
    EXPECT_EQ(e.code(), ExitCode::usage);
    EXPECT_THAT(e.what(), testing::HasSubstr("Try silhouette"));
  }
}

TEST(SynthOptions, OutOfRangeValuesAreUsageErrorsThatNameTheOption) {
  auto const refused = [](auto change, char const* name) {
    SynthOptions options;
    change(options);
    try {
      check(options);
      ADD_FAILURE() << name << " accepted";
    } catch (Error const& e) {
      EXPECT_EQ(e.code(), ExitCode::usage);
      EXPECT_THAT(e.what(), testing::HasSubstr(name));
    }
  };
  refused([](auto& o) { o.crf = 64; }, "crf");
  refused([](auto& o) { o.num_train_draws = -1; }, "num_train_draws");
  refused([](auto& o) { o.label_noise = 1.5; }, "label_noise");
  refused([](auto& o) { o.contrast = 0; }, "contrast");
  refused([](auto& o) { o.noise_sigma = -1; }, "noise_sigma");
  refused([](auto& o) { o.gap_frames = -1; }, "gap_frames");
  refused(
      [](auto& o) {
        o.view = SynthView::silhouette;
        o.task = SynthTask::texture;
      },
      "silhouette");
  refused(
      [](auto& o) {
        o.view = SynthView::silhouette;
        o.pan_px = 4;
      },
      "pan_px");
  refused(
      [](auto& o) {
        o.task = SynthTask::texture;
        o.num_swap_draws = 1;
      },
      "num_swap_draws");
}

}  // namespace
}  // namespace gasm
