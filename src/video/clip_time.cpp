// SPDX-License-Identifier: Apache-2.0
#include "gasm/video/clip_time.hpp"

#include <cmath>
#include <cstddef>

#include "gasm/base/error.hpp"

namespace gasm {

std::vector<int> uniform_indices(int num_frames, int num_wanted) {
  if (num_frames < 1 || num_wanted < 1)
    throw error("cannot choose {} of {} frames (both must be at least 1)",
                num_wanted, num_frames);
  double const segment = (num_frames - 1.0) / num_wanted;
  std::vector<int> indices(static_cast<std::size_t>(num_wanted));
  for (int i = 0; i < num_wanted; ++i) {
    // nearbyint rounds halves to even under the default rounding mode.
    auto const start = static_cast<int>(std::nearbyint(segment * i));
    auto const end = static_cast<int>(std::nearbyint(segment * (i + 1)));
    indices[static_cast<std::size_t>(i)] = (start + end) / 2;
  }
  return indices;
}

}  // namespace gasm
