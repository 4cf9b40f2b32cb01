// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <map>
#include <vector>

#include "gasm/comm/collective.hpp"
#include "gasm/models/batch_norm.hpp"
#include "gasm/models/model_summary.hpp"

namespace gasm {

/// What a step knows once all ranks have added their micro-batches.
struct StepSums {
  double loss = 0.0;  ///< mean over the clips of the global batch
  double top1 = 0.0;
  std::int64_t num_bad = 0;  ///< clips that a substitute stood in for
};

/// What a micro-batch counts.
struct MicroBatchCounts {
  std::int64_t num_clips = 0;
  std::int64_t num_top1 = 0;  ///< hits
  std::int64_t num_bad = 0;
};

/// The sum over all micro-batches of a step, on any number of ranks, of
/// everything that a step needs: gradients, batch-norm statistics, loss and
/// hits. One flat vector a micro-batch is one leaf of a fixed tree (TreeSum),
/// so that the sums are bitwise the same for every number of ranks.
///
/// Parameters' .grad are views of the leaf that is being filled.
class GradientSum {
 public:
  GradientSum(std::vector<ParameterInfo> const& parameters,
              std::vector<BatchNorm*> norms);

  /// A step of `num_micro` micro-batches and `num_samples` clips begins; this
  /// rank adds those from first_micro on, num_mine of them. Their losses are
  /// multiplied by `loss_scale`, a power of two.
  void begin_step(std::int64_t num_micro, std::int64_t num_samples,
                  std::int64_t first_micro, std::int64_t num_mine,
                  double loss_scale);
  /// Forward and loss are done: runs backward and adds this micro-batch.
  /// `loss_sum`: summed over its clips.
  void add_micro_batch(at::Tensor const& loss_sum,
                       MicroBatchCounts const& counts);
  /// Exchanges, and takes the loss scale out of the gradients. Collective.
  StepSums finish_step(Collective& collective);

  /// The mean gradient of the global batch, one tensor a parameter (views).
  std::vector<at::Tensor> const& gradients() const { return gradients_; }
  /// All gradients as one vector.
  at::Tensor flat_gradient() const;
  /// The micro-batches' mean statistics, weighted by their clips.
  at::Tensor mean_statistics() const;

 private:
  std::vector<BatchNorm*> norms_;
  std::int64_t num_gradient_values_ = 0;
  std::int64_t num_statistics_ = 0;
  at::Tensor leaf_;   // [gradients | statistics | loss, top1, bad]
  at::Tensor total_;  // the same, summed
  std::vector<at::Tensor> gradients_;
  std::map<std::int64_t, TreeSum> sums_;  // by number of micro-batches
  TreeSum* sum_ = nullptr;
  double num_samples_ = 0;
  double loss_scale_ = 1.0;
};

}  // namespace gasm
