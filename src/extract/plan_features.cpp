// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "gasm/base/hash.hpp"
#include "unit_maker.hpp"

namespace gasm {
namespace {

using Pairs = std::vector<std::array<float, 2>>;

/// Centres of the fields of a grid, row by row.
Pairs grid_places(std::array<int, 2> const& grid) {
  auto const centre = [](int i, int count) {
    return (static_cast<float>(i) + 0.5F) / static_cast<float>(count);
  };
  Pairs places;
  for (int row = 0; row < grid[0]; ++row)
    for (int column = 0; column < grid[1]; ++column)
      places.push_back({centre(row, grid[0]), centre(column, grid[1])});
  return places;
}

std::array<float, 2> span_of(int begin, int end, int count) {
  return {static_cast<float>(begin) / static_cast<float>(count),
          static_cast<float>(end) / static_cast<float>(count)};
}

FeatureStream semantic_stream(SemanticConfig const& config,
                              FusionSpec const& spec) {
  FeatureStream stream;
  stream.places = grid_places(spec.semantic_grid);
  auto const& frames = config.frames;
  if (config.frame_pool == FramePool::mean)
    stream.times = {
        span_of(frames.front(), frames.back() + 1, spec.clip_frames)};
  else
    for (int const frame : frames)
      stream.times.push_back(span_of(frame, frame + 1, spec.clip_frames));
  stream.shape = {static_cast<std::int64_t>(stream.times.size()),
                  static_cast<std::int64_t>(stream.places.size()),
                  spec.semantic_dim};
  return stream;
}

FeatureStream motion_stream(FusionSpec const& spec) {
  FeatureStream stream;
  stream.places = grid_places(spec.motion_grid);
  for (int m = 0; m < spec.motion_segments; ++m)
    stream.times.push_back(span_of(m, m + 1, spec.motion_segments));
  stream.shape = {spec.motion_segments,
                  static_cast<std::int64_t>(stream.places.size()),
                  spec.motion_dim};
  return stream;
}

}  // namespace

FeatureStoreContents plan_features(RunConfig const& config,
                                   ClipStore const& clips, FeatureViews views,
                                   std::int64_t num_views, FeatureType type,
                                   std::int64_t batch,
                                   std::string const& recipe) {
  auto const spec =
      fusion_spec(config.model, config.data.sampling.frames,
                  static_cast<std::int64_t>(clips.classes().size()));
  FeatureStoreContents contents;
  contents.split = clips.split();
  contents.classes = clips.classes();
  for (std::int64_t i = 0; i < clips.size(); ++i) {
    auto const& clip = clips.info(i);
    contents.clips.push_back({clip.id, clip.label, clip.num_frames});
  }
  contents.clips_hash = to_hex(clips.data_hash());
  contents.provenance = recipe;
  contents.type = type;
  contents.views = views;
  contents.num_views = num_views;
  contents.batch = batch;
  if (spec.fusion != FusionKind::motion)
    contents.semantic = semantic_stream(config.model.semantic, spec);
  if (spec.fusion != FusionKind::semantic)
    contents.motion = motion_stream(spec);
  return contents;
}

}  // namespace gasm
