// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "gasm/config/backbone_config.hpp"
#include "gasm/models/named_tensors.hpp"
#include "gasm/models/weight_names.hpp"

namespace gasm {

/// Runs one backbone on given tensors, in evaluation mode, fp32, on the CPU:
/// how a conversion of its weights is checked. Weights (rename_weights) are
/// loaded strictly; `source` names their file.
///
/// inputs: `frames` [B, 3, H, W] (dinov3, dinov2, clip) or `clip` [B, 3, T, H,
/// W] (the others), normalised. Returns
///   cls [B, D], registers [B, R, D], patches [B, N, D], where there are such
///   tokens; of clip, cls is behind the last norm and patches are before it;
///   res2 .. res5 [B, C, T', H', W'] of i3d_r50, and logits [B, K] if the
///   weights have a head and the clip is large enough for its pool;
///   cls, patches and logits of timesformer, if there is a classifier.
/// An input that is missing, of another name or size is an Error.
TensorMap run_backbone(BackboneConfig const& config,
                       BackboneWeights const& weights, TensorMap const& inputs,
                       std::string const& source);

}  // namespace gasm
