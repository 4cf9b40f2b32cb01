// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/frame_sampling.hpp"

#include "gasm/video/clip_time.hpp"

namespace gasm {

std::vector<int> segment_indices(int num_frames, int num_wanted,
                                 SampleMode mode, Rng& rng) {
  if (mode == SampleMode::eval) return uniform_indices(num_frames, num_wanted);
  auto indices = segment_borders(num_frames, num_wanted);
  for (std::size_t i = 0; i + 1 < indices.size(); ++i)
    indices[i] = static_cast<int>(rng.between(indices[i], indices[i + 1]));
  indices.pop_back();
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
