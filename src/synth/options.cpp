// SPDX-License-Identifier: Apache-2.0
#include "gasm/synth/options.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <vector>

#include "gasm/base/error.hpp"
#include "gasm/base/nearest.hpp"

namespace gasm {
namespace {

struct Name {
  int value;
  char const* word;
};

constexpr std::array kLevels{
    Name{static_cast<int>(SynthLevel::s), "s"},
    Name{static_cast<int>(SynthLevel::m), "m"},
    Name{static_cast<int>(SynthLevel::l), "l"},
    Name{static_cast<int>(SynthLevel::xl), "xl"},
};
constexpr std::array kViews{
    Name{static_cast<int>(SynthView::rgb), "rgb"},
    Name{static_cast<int>(SynthView::silhouette), "silhouette"},
};
constexpr std::array kTasks{
    Name{static_cast<int>(SynthTask::full), "full"},
    Name{static_cast<int>(SynthTask::texture), "texture"},
    Name{static_cast<int>(SynthTask::motion), "motion"},
};
constexpr std::array kSplits{
    Name{static_cast<int>(SynthSplit::train), "train"},
    Name{static_cast<int>(SynthSplit::val_iid), "val-iid"},
    Name{static_cast<int>(SynthSplit::test), "test"},
    Name{static_cast<int>(SynthSplit::val_shape), "val-shape"},
    Name{static_cast<int>(SynthSplit::swap_train), "swap-train"},
    Name{static_cast<int>(SynthSplit::val_swap), "val-swap"},
};

std::string word_of(std::span<Name const> names, int value) {
  for (auto const& name : names)
    if (name.value == value) return name.word;
  return "unknown";
}

int parse(std::span<Name const> names, char const* what,
          std::string_view text) {
  std::string word(text);
  std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  std::vector<std::string> words;
  for (auto const& name : names) {
    if (word == name.word) return name.value;
    words.emplace_back(name.word);
  }
  auto const near = nearest(word, words);
  throw usage_error(
      "there is no SynSth {} \"{}\". Try {}", what, text,
      near.empty() ? fmt::format("{}", fmt::join(words, ", ")) : near);
}

template <class T>
void check_range(char const* name, T value, T low, T high) {
  if (value >= low && value <= high) return;
  throw usage_error("{} is {} (it must be {} to {})", name, value, low, high);
}

}  // namespace

void check(SynthOptions const& options) {
  constexpr int kMaxDraws = 1'000'000;
  check_range("num_train_draws", options.num_train_draws, 0, kMaxDraws);
  check_range("num_val_draws", options.num_val_draws, 0, kMaxDraws);
  check_range("num_test_draws", options.num_test_draws, 0, kMaxDraws);
  check_range("num_swap_draws", options.num_swap_draws, 0, kMaxDraws);
  check_range("crf", options.crf, 0, 63);
  check_range("noise_sigma", options.noise_sigma.value_or(1.0), 0.0, 64.0);
  check_range("size_scale", options.size_scale, 0.5, 2.0);
  check_range("excursion_scale", options.excursion_scale, 0.2, 2.0);
  check_range("contrast", options.contrast, 0.01, 1.0);
  check_range("gap_frames", options.gap_frames.value_or(2), 0, 64);
  check_range("label_noise", options.label_noise, 0.0, 1.0);
  check_range("num_distractors", options.num_distractors, 0, 64);
  check_range("pan_px", options.pan_px, 0, 64);
  if (options.view == SynthView::silhouette &&
      options.task == SynthTask::texture)
    throw usage_error(
        "task texture has nothing to see in view silhouette (textures are "
        "hidden). Try view rgb");
  if (!options.proves_bounds() &&
      (options.view != SynthView::rgb || options.task == SynthTask::texture))
    throw usage_error(
        "num_distractors and pan_px need view rgb and task full or motion "
        "(view is {}, task is {})",
        to_string(options.view), to_string(options.task));
  if (options.num_swap_draws > 0 && options.task == SynthTask::texture)
    throw usage_error(
        "num_swap_draws is {}, but task texture has no manners to swap. Try "
        "num_swap_draws 0",
        options.num_swap_draws);
}

std::string to_string(SynthLevel level) {
  return word_of(kLevels, static_cast<int>(level));
}
std::string to_string(SynthView view) {
  return word_of(kViews, static_cast<int>(view));
}
std::string to_string(SynthTask task) {
  return word_of(kTasks, static_cast<int>(task));
}
std::string to_string(SynthSplit split) {
  return word_of(kSplits, static_cast<int>(split));
}

SynthLevel parse_synth_level(std::string_view word) {
  return static_cast<SynthLevel>(parse(kLevels, "level", word));
}
SynthView parse_synth_view(std::string_view word) {
  return static_cast<SynthView>(parse(kViews, "view", word));
}
SynthTask parse_synth_task(std::string_view word) {
  return static_cast<SynthTask>(parse(kTasks, "task", word));
}

}  // namespace gasm
