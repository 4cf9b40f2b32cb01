// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gasm/synth/level.hpp"

namespace gasm {

enum class Direction { left_first, right_first };
enum class Tempo { snap_back, ease_back };

/// What happens in a clip. `order[j]` is the j-th thing pushed: an index into
/// LevelSpec::textures for task full, a slot counted from the left for task
/// motion. For task texture it holds the one texture shown.
struct SynthEvent {
  std::vector<int> order;
  Direction direction = Direction::left_first;
  Tempo tempo = Tempo::snap_back;

  friend bool operator==(SynthEvent const&, SynthEvent const&) = default;
};

/// The classes of a level and task. A class id is the row of its template,
/// brackets removed, in alphabetical order, as in the official files.
///
/// Templates, e.g.
///   full     "Pushing [something striped] and [something plain] left then
///            right", with tempo "..., letting each snap back" or
///            "..., easing each back";
///   motion   "Pushing [the left something] and [the right something] ...";
///   texture  "Showing [something striped]".
/// Swapping the words left and right in a template gives the template of the
/// horizontally flipped clip, for every level and task.
class SynthLabels {
 public:
  SynthLabels(SynthLevel level, SynthTask task);

  int size() const { return static_cast<int>(events_.size()); }
  SynthEvent const& event(int id) const { return events_.at(index(id)); }
  /// -1 where the event is none of this level and task.
  int find(SynthEvent const& event) const;
  /// With brackets, as in train.json.
  std::string const& bracketed(int id) const {
    return templates_.at(index(id));
  }
  /// Without brackets: the key in labels.json.
  std::string key(int id) const;
  /// E.g. {"striped hexagon", "plain hexagon"}.
  std::vector<std::string> placeholders(int id, std::string_view shape) const;
  /// The template filled with the placeholders, lower case.
  std::string sentence(int id, std::string_view shape) const;

  /// flip_map()[y]: the class of a clip of class y mirrored left to right.
  std::vector<int> flip_map() const;
  /// reversal_map()[y]: the class of a clip of class y played backwards.
  std::vector<int> reversal_map() const;

 private:
  static std::size_t index(int id) { return static_cast<std::size_t>(id); }

  SynthTask task_;
  std::vector<Texture> textures_;
  std::vector<SynthEvent> events_;      // by id
  std::vector<std::string> templates_;  // by id, with brackets
};

/// The event that motion alone tells: textures replaced by the rank from the
/// left of the slot that each stands in. `texture_in_slot[r]`: the texture
/// index of the object that stands r-th from the left.
SynthEvent to_motion(SynthEvent const& event,
                     std::vector<int> const& texture_in_slot);

/// The inverse of to_motion.
SynthEvent to_full(SynthEvent const& event,
                   std::vector<int> const& texture_in_slot);

/// 0 for the first half of the manners, 1 for the second: the tempo where the
/// level has one (a horizontal flip keeps the group), else the direction (then
/// a training run on swap_train must not flip).
int manner_group(SynthEvent const& event, bool has_tempo);

}  // namespace gasm
