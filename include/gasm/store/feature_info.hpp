// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gasm {

/// What one stream's backbone makes of one view of a clip: S steps in time, L
/// tokens (places) a step, D channels, in this order.
struct FeatureShape {
  std::int64_t num_steps = 0;
  std::int64_t num_tokens = 0;
  std::int64_t num_channels = 0;

  std::int64_t num_values() const {
    return num_steps * num_tokens * num_channels;
  }
  bool operator==(FeatureShape const&) const = default;
};

enum class FeatureType { fp16, fp32 };

constexpr std::size_t bytes_of(FeatureType type) {
  return type == FeatureType::fp16 ? 2 : 4;
}

/// What the views of a clip are.
enum class FeatureViews {
  test,    ///< the clips and windows of an evaluation: nothing random
  random,  ///< independent draws, as training makes them
};

/// Of each channel of a stream, over all clips, views, steps and tokens.
struct ChannelStatistics {
  std::vector<float> mean;
  std::vector<float> std;  ///< with 1 / n; 1 where all values are the same
  bool operator==(ChannelStatistics const&) const = default;
};

/// One stream of a features.h5 file.
struct FeatureStream {
  FeatureShape shape;
  /// Of each step: begin and end, as fractions of the clip.
  std::vector<std::array<float, 2>> times;
  /// Of each token: y and x of its centre, as fractions of the frame.
  std::vector<std::array<float, 2>> places;
};

/// One clip of a features.h5 file, all but its features.
struct FeatureClip {
  std::string id;
  std::int16_t label = -1;  ///< class index; -1: the class is not known
  std::uint32_t num_frames = 0;
};

/// Everything that is known of a features.h5 file before any feature is.
struct FeatureStoreContents {
  std::string split;
  std::vector<std::string> classes;  ///< label k is called classes[k]
  std::vector<FeatureClip> clips;    ///< in stored order
  std::string clips_hash;            ///< data hash of the clips.h5
  /// What made them, "key: value" lines: keys of the configuration, and hashes
  /// of weights in place of their paths.
  std::string provenance;
  FeatureType type = FeatureType::fp16;
  FeatureViews views = FeatureViews::test;
  std::int64_t num_views = 1;  ///< stored of each clip
  /// Clips that went through the backbones together. Sums are rounded in
  /// another order in a batch of another size.
  std::int64_t batch = 1;
  std::optional<FeatureStream> semantic;  ///< at least one of the two
  std::optional<FeatureStream> motion;

  /// Bytes of one view of a clip in each stream; 0 where there is none.
  std::size_t semantic_bytes() const;
  std::size_t motion_bytes() const;
  std::int64_t num_records() const {
    return static_cast<std::int64_t>(clips.size()) * num_views;
  }
};

/// XXH64 over all of the contents.
std::uint64_t index_hash(FeatureStoreContents const& contents);

}  // namespace gasm
