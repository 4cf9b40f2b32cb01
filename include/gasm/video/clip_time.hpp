// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

namespace gasm {

/// The num_wanted + 1 borders of equal segments of the frames 0 ..
/// num_frames-1: with s = (num_frames - 1) / num_wanted, segment i runs from
/// round(s i) to round(s (i + 1)), both included. round() is Python's: halves
/// to the even neighbour. Throws unless both are >= 1.
std::vector<int> segment_borders(int num_frames, int num_wanted);

/// `num_wanted` indices spread evenly over 0 .. num_frames-1: the middles of
/// these segments, rounded down, as TSN-style video models are tested with.
/// Indices repeat if num_frames < num_wanted. Throws as segment_borders.
std::vector<int> uniform_indices(int num_frames, int num_wanted);

}  // namespace gasm
