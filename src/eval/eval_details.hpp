// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "gasm/comm/communicator.hpp"
#include "gasm/data/micro_batch.hpp"
#include "gasm/eval/evaluate.hpp"
#include "gasm/models/trace.hpp"

namespace gasm {

/// What an evaluation finds besides its metrics: which classes are taken for
/// which, and the pooled features of some clips.
class EvalDetails {
 public:
  EvalDetails(EvalOptions const& options, int num_classes,
              std::int64_t num_leaves);

  /// Whether the features of this micro-batch are asked for.
  bool wants_features(std::int64_t index) const;
  /// `logits` [B, K] on the CPU; `trace` of wants_features().
  void add(MicroBatch const& batch, at::Tensor const& logits,
           Trace const& trace);
  /// Of all ranks, into the result. Collective.
  void collect(Communicator const& comm, EvalResult& result);

 private:
  void add_features(MicroBatch const& batch, at::Tensor const& best,
                    Trace const& trace);

  std::int64_t num_classes_;
  std::int64_t num_pooled_;
  std::int64_t num_wanted_ = 0;  ///< micro-batches
  std::int64_t stride_ = 1;      ///< between those
  std::vector<std::int64_t> confusion_;
  std::vector<PooledClip> pooled_;
};

}  // namespace gasm
