// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "gasm/base/rng.hpp"

namespace gasm {

enum class SampleMode { train, eval };

/// The frames a clip is seen through: `num_wanted` indices into a video of
/// `num_frames`, ascending, one from each of num_wanted equal segments.
///
/// With s = (num_frames - 1) / num_wanted, segment i runs from round(s * i)
/// to round(s * (i + 1)), both included (SlowFast's rule for SSv2). train
/// draws one frame of it uniformly; eval takes floor((start + end) / 2) and
/// draws nothing. A video with fewer frames than wanted repeats frames.
///
/// round() is Python's: to the nearest, halves to the even neighbour, on the
/// same doubles; so indices equal those of the public Python pipelines.
/// Throws Error if num_frames < 1 or num_wanted < 1.
std::vector<std::int64_t> segment_indices(std::int64_t num_frames,
                                          std::int64_t num_wanted,
                                          SampleMode mode, Rng& rng);

/// In which order the chosen frames reach the model. `shuffled` takes the
/// order of time away and keeps the frames: the control that shows what a
/// model knows without it.
enum class FrameOrder { chronological, shuffled };

/// Reorders in place; draws from `rng` only when shuffled.
void order_frames(std::vector<std::int64_t>& indices, FrameOrder order,
                  Rng& rng);

}  // namespace gasm
