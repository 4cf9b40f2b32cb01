// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "gasm/synth/options.hpp"

namespace gasm {

/// The surface of an object, which is its identity: all objects of a clip
/// have the same silhouette. Densities of edges differ by about a factor of
/// two from one to the next (checked > striped > dotted > plain), or a small
/// network cannot tell them apart.
enum class Texture { striped, dotted, plain, checked };

/// Object sets: A is trained on, B is held out. Shapes (shapes.hpp) and the
/// hues of the colours both go with the set.
enum class ObjectSet { a, b };

/// Frames of one excursion as signed multiples of the step, the first frame
/// away from rest first; the last one is at rest again (0). `out` and `back`
/// visit the same points, so the two tempi show the same set of frames.
struct PathTiming {
  std::vector<int> snap_back;  ///< slow out, fast back
  std::vector<int> ease_back;  ///< fast out, slow back; same where no tempo
  int num_points = 0;          ///< distinct points on each side of rest
};

/// The fixed facts of a level, after the knobs that change them.
struct LevelSpec {
  int num_objects = 0;
  bool has_tempo = false;
  std::vector<Texture> textures;  ///< one an object
  int width_px = 0;
  int height_px = 0;
  int fps = 12;
  int num_frames = 0;

  PathTiming path;
  int gap_within = 0;   ///< rest frames between the excursions of one object
  int gap_between = 0;  ///< rest frames between two objects
  int slack = 0;        ///< rest frames shared by lead-in and tail
  int min_lead = 0;     ///< lead-in is uniform in min_lead .. max_lead
  int max_lead = 0;

  int min_radius_px = 0;
  int max_radius_px = 0;
  std::vector<int> steps_px;  ///< one is drawn for each scene
  double texture_scale = 1;   ///< of the texture periods, 1 at 128x96

  int crop_px = 0;          ///< side of a texture crop
  int num_crop_frames = 0;  ///< length of a texture clip
};

LevelSpec level_spec(SynthOptions const& options);

std::string to_string(Texture texture);

}  // namespace gasm
