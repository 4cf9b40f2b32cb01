// SPDX-License-Identifier: Apache-2.0
#include "mixed_loss.hpp"

namespace gasm {

at::Tensor mixed_loss(at::Tensor const& logits, MicroBatch const& batch,
                      double smoothing) {
  // Cross-entropy is linear in its target.
  auto const loss = [&](at::Tensor const& labels) {
    return at::cross_entropy_loss(logits, labels, {}, at::Reduction::Sum,
                                  /*ignore_index=*/-100, smoothing);
  };
  if (batch.own_share == 1.0) return loss(batch.labels);
  return batch.own_share * loss(batch.labels) +
         (1.0 - batch.own_share) * loss(batch.other_labels);
}

at::Tensor top1_hits(at::Tensor const& logits, MicroBatch const& batch) {
  auto const& heavier =
      batch.own_share >= 0.5 ? batch.labels : batch.other_labels;
  return logits.argmax(1).eq(heavier).sum();
}

std::int64_t count_top1(at::Tensor const& logits, MicroBatch const& batch) {
  return top1_hits(logits, batch).item<std::int64_t>();
}

}  // namespace gasm
