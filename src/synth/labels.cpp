// SPDX-License-Identifier: Apache-2.0
#include "gasm/synth/labels.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <numeric>
#include <utility>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

using Words = std::vector<std::string>;

/// The slots' names from the left: chosen so that swapping "left" and "right"
/// names the mirrored slot.
Words slot_words(std::size_t num_slots) {
  switch (num_slots) {
    case 2:
      return {"left", "right"};
    case 3:
      return {"left", "middle", "right"};
    default:
      return {"far left", "near left", "near right", "far right"};
  }
}

std::string listed(Words const& items) {
  std::string text;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += i + 1 == items.size() ? " and " : ", ";
    text += items[i];
  }
  return text;
}

std::string manner_text(SynthEvent const& event, bool has_tempo) {
  std::string text = event.direction == Direction::left_first
                         ? " left then right"
                         : " right then left";
  if (has_tempo)
    text += event.tempo == Tempo::snap_back ? ", letting each snap back"
                                            : ", easing each back";
  return text;
}

std::string without_brackets(std::string text) {
  std::erase_if(text, [](char c) { return c == '[' || c == ']'; });
  return text;
}

/// All events of a level and task, in no particular order.
std::vector<SynthEvent> all_events(LevelSpec const& spec, SynthTask task) {
  std::vector<SynthEvent> events;
  if (task == SynthTask::texture) {
    for (int t = 0; t < spec.num_objects; ++t) events.push_back({.order = {t}});
    return events;
  }
  std::vector<Tempo> tempi{Tempo::snap_back};
  if (spec.has_tempo) tempi.push_back(Tempo::ease_back);
  std::vector<int> order(static_cast<std::size_t>(spec.num_objects));
  std::iota(order.begin(), order.end(), 0);
  do {
    for (auto direction : {Direction::left_first, Direction::right_first})
      for (auto tempo : tempi) events.push_back({order, direction, tempo});
  } while (std::next_permutation(order.begin(), order.end()));
  return events;
}

Words thing_words(SynthEvent const& event, SynthTask task,
                  std::vector<Texture> const& textures) {
  Words words;
  auto const slots = slot_words(textures.size());
  for (int thing : event.order) {
    auto const i = static_cast<std::size_t>(thing);
    words.push_back(task == SynthTask::motion ? slots.at(i)
                                              : to_string(textures.at(i)));
  }
  return words;
}

std::string template_text(SynthEvent const& event, SynthTask task,
                          LevelSpec const& spec) {
  Words things = thing_words(event, task, spec.textures);
  for (auto& thing : things)
    thing = task == SynthTask::motion ? "[the " + thing + " something]"
                                      : "[something " + thing + "]";
  if (task == SynthTask::texture) return "Showing " + things.front();
  return "Pushing " + listed(things) + manner_text(event, spec.has_tempo);
}

}  // namespace

SynthLabels::SynthLabels(SynthLevel level, SynthTask task) : task_(task) {
  LevelSpec const spec = level_spec({.level = level});
  textures_ = spec.textures;
  std::vector<std::pair<std::string, SynthEvent>> rows;
  for (auto& event : all_events(spec, task))
    rows.emplace_back(template_text(event, task, spec), event);
  std::sort(rows.begin(), rows.end(), [](auto const& a, auto const& b) {
    return without_brackets(a.first) < without_brackets(b.first);
  });
  for (auto& [text, event] : rows) {
    templates_.push_back(std::move(text));
    events_.push_back(std::move(event));
  }
}

int SynthLabels::find(SynthEvent const& event) const {
  auto const it = std::find(events_.begin(), events_.end(), event);
  return it == events_.end() ? -1 : static_cast<int>(it - events_.begin());
}

std::string SynthLabels::key(int id) const {
  return without_brackets(bracketed(id));
}

std::vector<std::string> SynthLabels::placeholders(
    int id, std::string_view shape) const {
  Words words = thing_words(event(id), task_, textures_);
  for (auto& word : words) word.append(" ").append(shape);
  return words;
}

std::string SynthLabels::sentence(int id, std::string_view shape) const {
  auto const fillings = placeholders(id, shape);
  std::string text;
  std::size_t next = 0;
  bool in_brackets = false;
  for (char c : bracketed(id)) {
    if (c == '[') {
      text += fillings.at(next++);
      in_brackets = true;
    } else if (c == ']') {
      in_brackets = false;
    } else if (!in_brackets) {
      text += c;
    }
  }
  for (auto& c : text)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::vector<int> SynthLabels::flip_map() const {
  std::vector<int> map;
  int const last = static_cast<int>(textures_.size()) - 1;
  for (auto mirrored : events_) {
    if (task_ != SynthTask::texture)
      mirrored.direction = mirrored.direction == Direction::left_first
                               ? Direction::right_first
                               : Direction::left_first;
    if (task_ == SynthTask::motion)
      for (auto& slot : mirrored.order) slot = last - slot;
    map.push_back(find(mirrored));
  }
  return map;
}

std::vector<int> SynthLabels::reversal_map() const {
  bool const has_tempo = std::any_of(
      events_.begin(), events_.end(),
      [](auto const& event) { return event.tempo == Tempo::ease_back; });
  std::vector<int> map;
  for (auto reversed : events_) {
    if (task_ != SynthTask::texture) {
      std::reverse(reversed.order.begin(), reversed.order.end());
      reversed.direction = reversed.direction == Direction::left_first
                               ? Direction::right_first
                               : Direction::left_first;
      if (has_tempo)
        reversed.tempo = reversed.tempo == Tempo::snap_back ? Tempo::ease_back
                                                            : Tempo::snap_back;
    }
    map.push_back(find(reversed));
  }
  return map;
}

SynthEvent to_motion(SynthEvent const& event,
                     std::vector<int> const& texture_in_slot) {
  SynthEvent motion = event;
  for (auto& thing : motion.order) {
    auto const it =
        std::find(texture_in_slot.begin(), texture_in_slot.end(), thing);
    GASM_ASSERT(it != texture_in_slot.end());
    thing = static_cast<int>(it - texture_in_slot.begin());
  }
  return motion;
}

SynthEvent to_full(SynthEvent const& event,
                   std::vector<int> const& texture_in_slot) {
  SynthEvent full = event;
  for (auto& thing : full.order)
    thing = texture_in_slot.at(static_cast<std::size_t>(thing));
  return full;
}

int manner_group(SynthEvent const& event, bool has_tempo) {
  if (has_tempo) return event.tempo == Tempo::snap_back ? 0 : 1;
  return event.direction == Direction::left_first ? 0 : 1;
}

}  // namespace gasm
