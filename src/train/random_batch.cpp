// SPDX-License-Identifier: Apache-2.0
#include "random_batch.hpp"

#include <torch/torch.h>

#include "gasm/models/video_model.hpp"

namespace gasm {
namespace {

constexpr int kSsv2Classes = 174;

/// What the backbones would have made of clips.
MicroBatch random_features(FusionSpec const& spec, std::int64_t num_clips) {
  MicroBatch batch;
  if (spec.fusion != FusionKind::motion)
    batch.semantic = torch::randn(
        {num_clips, std::ssize(spec.semantic_frames),
         spec.semantic_grid[0] * spec.semantic_grid[1], spec.semantic_dim});
  if (spec.fusion != FusionKind::semantic)
    batch.motion = torch::randn({num_clips, spec.motion_segments,
                                 spec.motion_grid[0] * spec.motion_grid[1],
                                 spec.motion_dim});
  return batch;
}

MicroBatch random_clips(RunConfig const& config, std::int64_t num_clips) {
  auto const size = input_resolution(config.model);
  MicroBatch batch;
  batch.clips = torch::randint(
      256, {num_clips, config.data.sampling.frames, 3, size.height, size.width},
      at::kByte);
  return batch;
}

}  // namespace

int num_bench_classes(RunConfig const& config) {
  return config.model.num_classes.value_or(kSsv2Classes);
}

MicroBatch random_batch(RunConfig const& config, std::int64_t num_clips) {
  MicroBatch batch =
      config.data.source == DataSource::features
          ? random_features(
                fusion_spec(config.model, config.data.sampling.frames,
                            num_bench_classes(config)),
                num_clips)
          : random_clips(config, num_clips);
  batch.samples.resize(static_cast<std::size_t>(num_clips));
  batch.labels =
      torch::randint(num_bench_classes(config), {num_clips}, at::kLong);
  return batch;
}

}  // namespace gasm
