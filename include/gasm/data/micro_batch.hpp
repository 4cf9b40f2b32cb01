// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace gasm {

/// What a model is fed: B clips, or what backbones made of them, on the CPU
/// (features of a FeatureTable: on its device); in a test with V views of each.
/// Views of b stand together.
struct MicroBatch {
  torch::Tensor clips;  ///< u8 [B * V, T, 3, H, W], RGB; undefined: features
  /// [B * V, S, L, D] of each stream (FeatureShape), in half or single
  /// precision; undefined where there is none, and with clips.
  torch::Tensor semantic;
  torch::Tensor motion;
  torch::Tensor labels;  ///< i64 [B]; of the mirrored class where swapped
  /// What the loss counts beside `labels`, with the weight 1 - own_share, where
  /// clips were mixed (mix.hpp): labels in reverse order.
  torch::Tensor other_labels;
  double own_share = 1.0;  ///< 1: not mixed, other_labels is undefined
  std::vector<std::int64_t> samples;  ///< whose data and label slot b holds
  std::int64_t step = 0;
  std::int64_t epoch = 0;
  std::int64_t num_views = 1;  ///< V
  std::int64_t index = 0;      ///< within its step, the same on any rank
  /// Slots whose own sample could not be used and that hold a substitute:
  /// training counts them like any other, evaluation leaves them out.
  std::vector<std::int64_t> bad_slots;
  double decode_s = 0.0;  ///< time spent on reading, decoding, augmenting

  std::int64_t size() const {
    return static_cast<std::int64_t>(samples.size());
  }
  std::int64_t num_bad() const {
    return static_cast<std::int64_t>(bad_slots.size());
  }
};

/// The batch with its tensors on `device`.
inline MicroBatch moved_to(torch::Device device, MicroBatch batch) {
  for (auto* const tensor : {&batch.clips, &batch.semantic, &batch.motion,
                             &batch.labels, &batch.other_labels})
    if (tensor->defined()) *tensor = tensor->to(device, /*non_blocking=*/true);
  return batch;
}

}  // namespace gasm
