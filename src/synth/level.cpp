// SPDX-License-Identifier: Apache-2.0
#include "gasm/synth/level.hpp"

#include <algorithm>
#include <cmath>

#include "gasm/base/error.hpp"

namespace gasm {
namespace {

// Half way, all the way, half way, rest.
PathTiming plain_path() {
  return {
      .snap_back = {1, 2, 1, 0}, .ease_back = {1, 2, 1, 0}, .num_points = 2};
}

// A slow pass of 6 frames and a fast one of 2 on the same points; read
// backwards, with the rest frame before it, one tempo is the other.
PathTiming tempo_path() {
  return {.snap_back = {1, 2, 3, 4, 5, 6, 3, 0},
          .ease_back = {3, 6, 5, 4, 3, 2, 1, 0},
          .num_points = 6};
}

LevelSpec small_spec() {
  LevelSpec spec;
  spec.width_px = 128;
  spec.height_px = 96;
  spec.path = plain_path();
  spec.gap_between = 2;
  spec.min_lead = 1;
  spec.texture_scale = 1.0;
  return spec;
}

LevelSpec large_spec() {
  LevelSpec spec;
  spec.width_px = 427;
  spec.height_px = 240;
  spec.has_tempo = true;
  spec.path = tempo_path();
  spec.gap_within = 2;
  spec.gap_between = 2;
  spec.slack = 8;
  // With the rest frame that ends the last excursion, at least two rest
  // frames at either end: else a bag of 3-frame windows, in which those at
  // the ends are missing, would tell the first excursion from the last.
  spec.min_lead = 2;
  spec.max_lead = 7;
  spec.steps_px = {4, 5};
  spec.texture_scale = 2.25;
  return spec;
}

LevelSpec base_spec(SynthLevel level) {
  using enum Texture;
  LevelSpec spec;
  switch (level) {
    case SynthLevel::s:
      spec = small_spec();
      spec.textures = {striped, plain};
      spec.slack = 6;
      spec.max_lead = 5;
      spec.min_radius_px = 13;
      spec.max_radius_px = 17;
      spec.steps_px = {5, 6, 7};
      break;
    case SynthLevel::m:
      spec = small_spec();
      spec.textures = {striped, dotted, plain};
      spec.slack = 8;
      spec.max_lead = 7;
      spec.min_radius_px = 11;
      spec.max_radius_px = 13;
      spec.steps_px = {5, 6};
      break;
    case SynthLevel::l:
      spec = large_spec();
      spec.textures = {striped, dotted, plain};
      spec.min_radius_px = 26;
      spec.max_radius_px = 32;
      break;
    case SynthLevel::xl:
      spec = large_spec();
      spec.textures = {striped, dotted, plain, checked};
      spec.min_radius_px = 24;
      spec.max_radius_px = 28;
      break;
  }
  spec.num_objects = static_cast<int>(spec.textures.size());
  return spec;
}

int scaled(int value, double factor) {
  return std::max(1, static_cast<int>(std::lround(value * factor)));
}

int clip_frames(LevelSpec const& spec) {
  int const excursion = static_cast<int>(spec.path.snap_back.size());
  return spec.num_objects * (2 * excursion + spec.gap_within) +
         (spec.num_objects - 1) * spec.gap_between + spec.slack;
}

int round_up(int value, int multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

LevelSpec level_spec(SynthOptions const& options) {
  check(options);
  LevelSpec spec = base_spec(options.level);
  spec.min_radius_px = scaled(spec.min_radius_px, options.size_scale);
  spec.max_radius_px = scaled(spec.max_radius_px, options.size_scale);
  for (auto& step : spec.steps_px) step = scaled(step, options.excursion_scale);
  if (options.gap_frames) {
    spec.gap_between = *options.gap_frames;
    if (spec.has_tempo) spec.gap_within = *options.gap_frames;
  }
  spec.num_frames = clip_frames(spec);
  int const room = static_cast<int>(std::lround(14 * spec.texture_scale));
  spec.crop_px = std::min({round_up(2 * spec.max_radius_px + room, 16),
                           spec.width_px, spec.height_px});
  spec.num_crop_frames = 8;
  return spec;
}

std::string to_string(Texture texture) {
  switch (texture) {
    case Texture::striped:
      return "striped";
    case Texture::dotted:
      return "dotted";
    case Texture::plain:
      return "plain";
    case Texture::checked:
      return "checked";
  }
  return "unknown";
}

}  // namespace gasm
