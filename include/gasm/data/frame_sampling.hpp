// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "gasm/base/rng.hpp"
#include "gasm/config/data_config.hpp"

namespace gasm {

enum class SampleMode { train, eval };

/// The frames a clip is seen through: `num_wanted` indices into a video of
/// `num_frames`, ascending, one from each of num_wanted equal segments.
///
/// Segments are those of segment_borders (video/clip_time.hpp, SlowFast's rule
/// for SSv2). train draws one frame of each uniformly; eval takes the middle,
/// uniform_indices, and draws nothing. A video with fewer frames than wanted
/// repeats frames. Indices equal those of the public Python pipelines.
/// Throws Error if num_frames < 1 or num_wanted < 1.
std::vector<int> segment_indices(int num_frames, int num_wanted,
                                 SampleMode mode, Rng& rng);

/// The frames of one clip as the configuration asks: `uniform` takes the
/// centres in training too; `shuffled` then permutes the chosen frames, in
/// evaluation as well, a control that takes the order of time away.
std::vector<int> sample_frames(SamplingConfig const& config, int num_frames,
                               SampleMode mode, Rng& rng);

}  // namespace gasm
