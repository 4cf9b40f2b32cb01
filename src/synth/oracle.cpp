// SPDX-License-Identifier: Apache-2.0
#include "gasm/synth/oracle.hpp"

#include <algorithm>

namespace gasm {
namespace {

/// What the clip of an event does, free of any scene: which texture is away
/// from rest at each frame of the moving part, and by how many steps.
struct Motion {
  int texture = -1;
  int steps = 0;
};

std::vector<Motion> moving_part(LevelSpec const& spec,
                                SynthEvent const& event) {
  auto const& path = event.tempo == Tempo::snap_back ? spec.path.snap_back
                                                     : spec.path.ease_back;
  int const first = event.direction == Direction::left_first ? -1 : 1;
  std::vector<Motion> motions;
  for (std::size_t j = 0; j < event.order.size(); ++j) {
    if (j > 0)
      motions.resize(motions.size() +
                     static_cast<std::size_t>(spec.gap_between));
    for (int side : {first, -first}) {
      if (side != first)
        motions.resize(motions.size() +
                       static_cast<std::size_t>(spec.gap_within));
      for (int steps : path) motions.push_back({event.order[j], side * steps});
    }
  }
  return motions;
}

/// True if some rest position explains every sample of object i.
bool explains_object(std::span<SampledFrame const> sampled, std::size_t i,
                     std::vector<Motion> const& motions, int lead, int step) {
  bool known = false;
  int rest_x = 0;
  int rest_y = 0;
  for (auto const& sample : sampled) {
    auto const& object = sample.objects[i];
    int const k = sample.frame - lead;
    int dx = 0;
    if (k >= 0 && k < static_cast<int>(motions.size())) {
      auto const& motion = motions[static_cast<std::size_t>(k)];
      if (motion.texture == object.texture) dx = step * motion.steps;
    }
    if (known && (object.x_px - dx != rest_x || object.y_px != rest_y))
      return false;
    rest_x = object.x_px - dx;
    rest_y = object.y_px;
    known = true;
  }
  return true;
}

bool explains(std::span<SampledFrame const> sampled,
              std::vector<Motion> const& motions, int lead, int step) {
  if (sampled.empty()) return true;
  for (std::size_t i = 0; i < sampled.front().objects.size(); ++i)
    if (!explains_object(sampled, i, motions, lead, step)) return false;
  return true;
}

}  // namespace

std::vector<int> segment_centres(int num_frames, int num_segments) {
  std::vector<int> frames;
  for (int i = 0; i < num_segments; ++i)
    frames.push_back((2 * i + 1) * num_frames / (2 * num_segments));
  return frames;
}

std::vector<int> consistent_labels(SynthLabels const& labels,
                                   LevelSpec const& spec,
                                   std::span<SampledFrame const> sampled) {
  std::vector<int> found;
  for (int id = 0; id < labels.size(); ++id) {
    auto const motions = moving_part(spec, labels.event(id));
    bool consistent = false;
    // Any lead-in at all, so that reversed clips are explained as well.
    for (int lead = 0; lead <= spec.slack && !consistent; ++lead)
      consistent = std::any_of(
          spec.steps_px.begin(), spec.steps_px.end(),
          [&](int step) { return explains(sampled, motions, lead, step); });
    if (consistent) found.push_back(id);
  }
  return found;
}

Result<int> predict_from_states(SynthLabels const& labels,
                                LevelSpec const& spec,
                                std::span<SampledFrame const> sampled) {
  auto const found = consistent_labels(labels, spec, sampled);
  if (found.size() == 1) return found.front();
  return failure(
      "{} of {} classes explain the {} sampled frames (the sampling {}). Try "
      "more frames",
      found.size(), labels.size(), sampled.size(),
      found.empty() ? "is of no SynSth clip" : "lost the label");
}

}  // namespace gasm
