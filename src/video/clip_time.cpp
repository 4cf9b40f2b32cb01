// SPDX-License-Identifier: Apache-2.0
#include "gasm/video/clip_time.hpp"

#include <cmath>
#include <cstddef>

#include "gasm/base/error.hpp"

namespace gasm {

namespace {

// std::nearbyint would do, but for its dependence on the rounding mode of the
// thread it runs on.
int round_half_even(double value) {
  double const floor = std::floor(value);
  auto const whole = static_cast<int>(floor);
  double const rest = value - floor;
  if (rest != 0.5) return rest < 0.5 ? whole : whole + 1;
  return whole % 2 == 0 ? whole : whole + 1;
}

}  // namespace

std::vector<int> segment_borders(int num_frames, int num_wanted) {
  if (num_frames < 1 || num_wanted < 1)
    throw error("cannot choose {} of {} frames (both must be at least 1)",
                num_wanted, num_frames);
  double const length = (num_frames - 1.0) / num_wanted;
  std::vector<int> borders;
  borders.reserve(static_cast<std::size_t>(num_wanted) + 1);
  for (int i = 0; i <= num_wanted; ++i)
    borders.push_back(round_half_even(length * i));
  return borders;
}

std::vector<int> uniform_indices(int num_frames, int num_wanted) {
  auto indices = segment_borders(num_frames, num_wanted);
  for (std::size_t i = 0; i + 1 < indices.size(); ++i)
    indices[i] = (indices[i] + indices[i + 1]) / 2;
  indices.pop_back();
  return indices;
}

}  // namespace gasm
