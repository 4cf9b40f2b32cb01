// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

namespace gasm {

/// `num_wanted` indices spread evenly over 0 .. num_frames-1: the middles of
/// equal segments, as TSN-style video models are tested with. With
/// s = (num_frames - 1) / num_wanted, index i is
/// floor((round(s i) + round(s (i + 1))) / 2), halves rounded to even.
/// Indices repeat if num_frames < num_wanted. Throws unless both are >= 1.
std::vector<int> uniform_indices(int num_frames, int num_wanted);

}  // namespace gasm
