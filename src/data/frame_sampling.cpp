// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/frame_sampling.hpp"

#include <cmath>

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

std::vector<int> segment_indices(int num_frames, int num_wanted,
                                 SampleMode mode, Rng& rng) {
  if (num_frames < 1 || num_wanted < 1)
    throw error("cannot choose {} frames of a video with {} frames", num_wanted,
                num_frames);
  double const length =
      static_cast<double>(num_frames - 1) / static_cast<double>(num_wanted);
  std::vector<int> indices;
  indices.reserve(static_cast<std::size_t>(num_wanted));
  for (int i = 0; i < num_wanted; ++i) {
    auto const start = round_half_even(length * static_cast<double>(i));
    auto const end = round_half_even(length * static_cast<double>(i + 1));
    indices.push_back(mode == SampleMode::train
                          ? static_cast<int>(rng.between(start, end))
                          : (start + end) / 2);
  }
  return indices;
}

std::vector<int> sample_frames(SamplingConfig const& config, int num_frames,
                               SampleMode mode, Rng& rng) {
  if (config.kind == SamplingKind::uniform) mode = SampleMode::eval;
  auto indices = segment_indices(num_frames, config.frames, mode, rng);
  if (config.order == FrameOrder::shuffled)
    rng.shuffle(std::span<int>(indices));
  return indices;
}

}  // namespace gasm
