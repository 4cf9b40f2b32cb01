// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace gasm {

/// Batch normalisation over dimension 1 of [B, C], [B, C, H, W] or
/// [B, C, T, H, W], whose running statistics move once a step.
///
/// In training, forward() normalises with the statistics of its batch, which
/// is one micro-batch, and records them; it never touches the running ones.
/// The trainer averages what all micro-batches of the step recorded, on any
/// rank, and applies the momentum once (apply_running_update). Hence the
/// number of ranks never changes the result. In evaluation, and always once
/// frozen, forward() normalises with the running statistics.
///
/// Names: weight, bias, running_mean, running_var [C], num_batches_tracked
/// (i64 scalar, counts steps), as torch.nn.BatchNorm's.
class BatchNorm : public torch::nn::Module {
 public:
  explicit BatchNorm(std::int64_t channels, double eps = 1e-5);

  /// Throws if a training batch has one value a channel (no variance).
  at::Tensor forward(at::Tensor const& x);

  std::int64_t channels() const { return weight.size(0); }
  /// Whether the statistics follow the data: false once frozen (its weight
  /// takes no gradient).
  bool is_tracking() const { return weight.requires_grad(); }

  /// Mean and unbiased variance [C], fp32, of the last training batch;
  /// undefined before the first. Not part of the state dict.
  at::Tensor last_mean, last_var;

  at::Tensor weight, bias, running_mean, running_var, num_batches_tracked;

 private:
  double eps_;
};

/// The batch norms below `module` that are tracking, in registration order,
/// which is the same on every rank. Pointers live as long as the module.
std::vector<BatchNorm*> collect_batch_norms(torch::nn::Module& module);

/// Length of the flat statistics of these norms: 2 C each.
std::int64_t num_statistics(std::vector<BatchNorm*> const& norms);

/// What the last forward() of each norm recorded, flat fp32
/// [num_statistics]: mean then variance, norm by norm. On the norms' device;
/// undefined for an empty list. Throws if a norm has recorded nothing.
at::Tensor batch_statistics(std::vector<BatchNorm*> const& norms);

/// running = (1 - momentum) * running + momentum * averaged, and one step
/// more in num_batches_tracked. `averaged`: the mean of batch_statistics()
/// over all micro-batches of a step.
void apply_running_update(std::vector<BatchNorm*> const& norms,
                          at::Tensor const& averaged, double momentum = 0.1);

}  // namespace gasm
