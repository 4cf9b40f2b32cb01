// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include "gasm/config/train_config.hpp"

namespace gasm {

class Recogniser;
struct MicroBatch;

/// Logits fp32 [B * V, K] of a micro-batch of clips, or of features, which the
/// model's fusion takes as they are (in single precision). The model computes
/// in `precision` (autocast.hpp).
at::Tensor forward_batch(Recogniser& model, MicroBatch const& batch,
                         Precision precision);

/// Of the V views of each sample one after the other, so that no forward is
/// larger than one without views.
at::Tensor forward_views(Recogniser& model, MicroBatch const& batch,
                         Precision precision);

}  // namespace gasm
