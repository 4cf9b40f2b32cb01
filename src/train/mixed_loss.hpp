// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "gasm/data/micro_batch.hpp"

namespace gasm {

/// Cross-entropy of logits [B, K], summed over the micro-batch, against each
/// clip's soft target
///   (1 - smoothing) (s onehot(label) + (1 - s) onehot(other)) + smoothing / K
/// with s = batch.own_share: label smoothing and mixing as timm combines them.
at::Tensor mixed_loss(at::Tensor const& logits, MicroBatch const& batch,
                      double smoothing);

/// count_top1() as an i64 [] beside the logits, which nobody has waited for.
at::Tensor top1_hits(at::Tensor const& logits, MicroBatch const& batch);

/// How many clips have their highest logit at the heavier of their two labels
/// (the own one, if both weigh the same).
std::int64_t count_top1(at::Tensor const& logits, MicroBatch const& batch);

}  // namespace gasm
