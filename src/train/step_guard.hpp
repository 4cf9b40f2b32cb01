// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gasm/base/error.hpp"
#include "gasm/comm/communicator.hpp"
#include "gasm/config/train_config.hpp"
#include "loss_scale.hpp"

namespace gasm {

/// How the sums of a step came out.
enum class StepHealth {
  finite,
  overflow,    ///< of the gradient, which a lower loss scale may mend
  not_finite,  ///< and no matter of the loss scale
};

/// `statistics` are those of batch norms; empty or undefined: none. The same
/// on all ranks, as the sums are.
StepHealth health_of(double loss, double grad_norm,
                     at::Tensor const& statistics, LossScale const& scale);

/// Steps that changed nothing.
struct SkippedSteps {
  std::int64_t total = 0;      ///< since the run began
  std::int64_t in_row = 0;     ///< up to now
  std::int64_t overflows = 0;  ///< of those in a row, StepHealth::overflow

  /// Counts a step.
  void count(StepHealth health);
  /// Is the row longer than `budget`, overflows apart?
  bool is_beyond(std::int64_t budget) const {
    return in_row - overflows > budget;
  }
};

/// Loss, norm and StepGuard::find_culprits as half a sentence.
std::string describe_fault(double loss, double grad_norm,
                           std::string const& culprits);

/// Why a run ends at `step` (counted from 1), and what to try.
Error divergence(std::int64_t step, std::string const& fault,
                 SkippedSteps const& skipped, TrainConfig const& train);

/// Remembers the losses of this rank's micro-batches in a step without
/// looking at them, to tell where a number that is not finite came from.
class StepGuard {
 public:
  void begin_step() { losses_.clear(); }
  void note_loss(std::int64_t micro_batch, at::Tensor const& loss);

  /// Each rank's first loss that is not finite: "the loss of micro-batch 3 on
  /// rank 1"; where all are, each rank's first gradient (or batch statistics),
  /// `bad_gradient` being this rank's; "" where all of these are. Micro-batches
  /// count from 0 in arguments, from 1 in the text. The same on all ranks.
  /// Collective.
  std::string find_culprits(Communicator const& world,
                            std::optional<std::int64_t> bad_gradient) const;

 private:
  std::vector<std::pair<std::int64_t, at::Tensor>> losses_;
};

}  // namespace gasm
