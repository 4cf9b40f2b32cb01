// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "gasm/synth/labels.hpp"
#include "gasm/synth/level.hpp"
#include "gasm/synth/shapes.hpp"

namespace gasm {

using Rgb = std::array<double, 3>;  ///< 0..255

/// One object at its slot. Colours and the texture's phase are drawn without
/// knowledge of the texture.
struct SceneObject {
  int x_px = 0;  ///< centre at rest
  int y_px = 0;
  int texture = 0;  ///< index into LevelSpec::textures
  Rgb base{};
  Rgb pattern{};
  double angle = 0;  ///< of the texture, radians from vertical
  double period_px = 0;
  std::array<double, 2> phase{};
};

/// Everything about a clip except its label (the nuisances z).
struct Scene {
  LevelSpec spec;
  Shape shape = Shape::circle;
  double rotation = 0;
  int radius_px = 0;
  int step_px = 0;
  int lead_frames = 0;
  double noise_sigma = 0;
  std::uint64_t noise_key = 0;
  std::array<Rgb, 2> background{};
  double gradient_angle = 0;
  std::vector<double> clutter;       ///< [kClutterRows * kClutterColumns]
  std::vector<SceneObject> objects;  ///< by slot, from the left
};

inline constexpr int kClutterRows = 7;
inline constexpr int kClutterColumns = 9;

/// Draws the nuisances of one draw of one split. A pure function of (seed,
/// split, draw, set and the scene's knobs); there is no label among its
/// arguments, so the nuisances cannot depend on it. Objects never leave the
/// frame and never touch, wherever one of them is on its path; slots differ in
/// x by at least half a radius. Throws a usage error where the knobs leave no
/// room for that.
Scene draw_scene(SynthOptions const& options, SynthSplit split, int draw,
                 ObjectSet set);

/// The shape of that scene, without drawing the rest of it.
Shape draw_shape(SynthOptions const& options, SynthSplit split, int draw,
                 ObjectSet set);

/// Rendered states of a scene: 0 = all at rest; then, object by object, its
/// offsets -n .. -1, 1 .. n in steps (n = PathTiming::num_points).
int num_states(LevelSpec const& spec);

struct StateOffset {
  int object = -1;  ///< slot that is away from rest, -1: none
  int steps = 0;    ///< signed, left is negative
};
StateOffset state_offset(LevelSpec const& spec, int state);

/// The state shown at each frame of the clip of `event` (task full): every
/// event gives a reordering of the same states.
std::vector<int> state_sequence(Scene const& scene, SynthEvent const& event);

/// Where an object truly is; what the oracle reads.
struct ObjectState {
  int texture = 0;
  int x_px = 0;
  int y_px = 0;
};
std::vector<ObjectState> object_states(Scene const& scene, int state);

/// Texture index by slot from the left (to_motion's argument).
std::vector<int> texture_in_slot(Scene const& scene);

}  // namespace gasm
