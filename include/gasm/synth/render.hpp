// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gasm/synth/scene.hpp"

namespace gasm {

/// Interleaved 8-bit RGB, [height * width * 3].
using RgbFrame = std::vector<std::uint8_t>;

/// Every state of a scene, index as in scene.hpp. Two scenes that are equal
/// give equal bytes; sensor noise is keyed by (scene, state), never by time.
std::vector<RgbFrame> render_states(Scene const& scene, SynthView view);

/// The frames of a clip in their order, [T * height * width * 3].
std::vector<std::uint8_t> assemble_clip(std::span<RgbFrame const> states,
                                        std::span<int const> sequence);

/// The texture clip of one object: LevelSpec::num_crop_frames crops of side
/// crop_px of the scene with this object alone and at rest, the window moved
/// by a few pixels from frame to frame, independently.
/// [num_crop_frames * crop_px * crop_px * 3]
std::vector<std::uint8_t> render_texture_crops(Scene const& scene, int object);

/// Robustness knobs on an assembled clip, in place: drifting dots, then a pan
/// (edges repeat). Time-dependent on purpose: voids the bounds.
void disturb_clip(std::span<std::uint8_t> clip, LevelSpec const& spec,
                  int num_distractors, int pan_px, std::uint64_t key);

}  // namespace gasm
