// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include "gasm/config/train_config.hpp"
#include "gasm/models/trace.hpp"

namespace gasm {

class Recogniser;
struct MicroBatch;

/// Logits fp32 [B * V, K] of a micro-batch of clips, or of features, which the
/// model's fusion takes as they are (in single precision). The model computes
/// in `precision` (autocast.hpp). A trace is filled as Recogniser does.
at::Tensor forward_batch(Recogniser& model, MicroBatch const& batch,
                         Precision precision, Trace* trace = nullptr);

/// Of the V views of each sample one after the other, so that no forward is
/// larger than one without views.
at::Tensor forward_views(Recogniser& model, MicroBatch const& batch,
                         Precision precision);

}  // namespace gasm
