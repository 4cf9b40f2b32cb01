// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/synth/scene.hpp"

namespace gasm {

/// The true state of every object in one sampled frame.
struct SampledFrame {
  int frame = 0;  ///< index in the clip
  std::vector<ObjectState> objects;
};

/// Indices of the centres of `num_segments` equal segments of `num_frames`
/// frames: floor((i + 1/2) * num_frames / num_segments).
std::vector<int> segment_centres(int num_frames, int num_segments);

/// All classes (task full) that explain what was sampled: for each there are
/// rest positions, a step and a lead-in that give exactly these positions. The
/// true class is always among them; a second one means that the sampling lost
/// the label. Rest positions, step and lead-in are not told to the oracle.
std::vector<int> consistent_labels(SynthLabels const& labels,
                                   LevelSpec const& spec,
                                   std::span<SampledFrame const> sampled);

/// The one consistent class; a failure if there are several or none.
Result<int> predict_from_states(SynthLabels const& labels,
                                LevelSpec const& spec,
                                std::span<SampledFrame const> sampled);

}  // namespace gasm
