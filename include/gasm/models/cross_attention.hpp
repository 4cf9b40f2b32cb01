// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "gasm/models/linear.hpp"
#include "gasm/models/trace.hpp"

namespace gasm {

struct FusionSpec;

/// One direction of attention between two token sets:
/// query [B, A, D], context [B, C, D] -> [B, A, D].
///
/// logit = q . k / sqrt(d), minus pos_gain[head] * distance where a
/// `distance` [A, C] is given, minus infinity where `mask` [A, C] (bool,
/// true: visible) is false. pos_gain starts at `start` and takes no decay.
class CrossAttention : public torch::nn::Module {
 public:
  /// An undefined distance: no such term and no pos_gain.
  CrossAttention(std::int64_t dim, std::int64_t heads,
                 at::Tensor const& distance, double start = 0.25);
  /// An undefined mask: everything is visible. Records its weights
  /// [B, H, A, C] as `name`.
  at::Tensor forward(at::Tensor const& query, at::Tensor const& context,
                     at::Tensor const& mask, TraceScope const& trace,
                     char const* name);

 private:
  std::int64_t heads_;
  at::Tensor distance_;
  at::Tensor pos_gain_;
  Linear q_{nullptr}, k_{nullptr}, v_{nullptr}, o_{nullptr};
};

/// [S*N, M*P] fp32: squared distance, in patches, between the centre of each
/// patch and of each motion cell, the same for every pair of times.
at::Tensor squared_distance(FusionSpec const& spec);

/// Who sees whom with window = aligned, bool, true: visible.
struct AlignedMasks {
  /// [S*N, M*P]: a patch sees the motion cell that covers it, at all times.
  at::Tensor semantic_sees_motion;
  /// [M*P, S*N]: a motion token sees all patches of the kept frame nearest to
  /// the centre of its segment (of equals the earlier one).
  at::Tensor motion_sees_semantic;
};
AlignedMasks aligned_masks(FusionSpec const& spec);

}  // namespace gasm
