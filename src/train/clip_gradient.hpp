// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace gasm {

/// Length of a flat gradient. In pieces, as one sum of millions of fp32 squares
/// is off by parts in ten thousand.
double gradient_norm(at::Tensor const& flat);

/// Scales a gradient of that norm down to `clip_norm`, in place, if it is
/// longer (as torch.nn.utils.clip_grad_norm_); 0: never.
void clip_gradient(at::Tensor const& flat, double norm, double clip_norm);

}  // namespace gasm
