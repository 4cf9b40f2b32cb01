// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "gasm/config/fusion_spec.hpp"
#include "gasm/config/model_config.hpp"
#include "gasm/models/named_tensors.hpp"

namespace gasm {

/// Runs a model on given tensors, in evaluation mode, fp32, on the CPU: how a
/// conversion is checked. Returns
///   logits [B, K], semantic_pooled, motion_pooled (of the streams in use),
///   trace.<name> for every edge set and attention map (trace.hpp).
/// Weights are loaded strictly; `source` names their file in messages.
/// A missing or extra input, or one of a wrong shape or type, is an Error.

/// inputs: semantic [B, S, N, Ds] and motion [B, M, P, Dm], fp32.
TensorMap run_forward(FusionSpec const& spec, TensorMap const& weights,
                      TensorMap const& inputs, std::string const& source);

/// inputs: clips u8 [B, T, H, W, 3], RGB. The number of classes is the
/// configuration's, or else that of the weights' head.
TensorMap run_forward(ModelConfig const& config, TensorMap const& weights,
                      TensorMap const& inputs, std::string const& source);

}  // namespace gasm
