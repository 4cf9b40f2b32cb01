// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace gasm {

/// Length of a gradient in `blocks` [N, values], of which those in `order`
/// ([M] of int64) are counted, in that order. In blocks, as one sum of millions
/// of fp32 squares is off by parts in ten thousand; those are summed in fp64.
double gradient_norm(at::Tensor const& blocks, at::Tensor const& order);

/// Scales a gradient of that norm down to `clip_norm`, in place, if it is
/// longer (as torch.nn.utils.clip_grad_norm_); 0: never.
void clip_gradient(at::Tensor const& flat, double norm, double clip_norm);

}  // namespace gasm
