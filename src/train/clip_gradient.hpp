// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace gasm {

/// The lengths, in fp64, of the blocks of kOwnedBlock values that `flat` (a
/// whole number of them) consists of: [N].
at::Tensor block_norms(at::Tensor const& flat);

/// The length of the vector whose blocks are those of `norms` ([N], fp64) that
/// `order` ([M], int64) names, summed in that order. In blocks, as one sum of
/// millions of fp32 squares is off by parts in ten thousand.
double norm_of_blocks(at::Tensor const& norms, at::Tensor const& order);

/// Scales a gradient of that norm down to `clip_norm`, in place, if it is
/// longer (as torch.nn.utils.clip_grad_norm_); 0: never.
void clip_gradient(at::Tensor const& flat, double norm, double clip_norm);

}  // namespace gasm
