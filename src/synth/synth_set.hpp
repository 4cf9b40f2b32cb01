// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gasm/synth/render.hpp"
#include "gasm/synth/write.hpp"

namespace gasm {

/// True if both clips show the same draw of nuisances.
bool same_scene(SynthClip const& a, SynthClip const& b);

/// The frames of the clip of `event` (of the set's task), from the rendered
/// states of its scene; task texture needs none.
std::vector<std::uint8_t> clip_pixels(SynthOptions const& options,
                                      Scene const& scene,
                                      std::span<RgbFrame const> states,
                                      SynthEvent const& event);

/// The contents of synth.json.
std::string describe_set(SynthOptions const& options);

}  // namespace gasm
