// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

namespace gasm {

/// Attention of q, k, v [A, heads, T, d] over T, scaled by 1 / sqrt(d),
/// computed in whichever way the device does fastest.
at::Tensor attend(at::Tensor const& q, at::Tensor const& k,
                  at::Tensor const& v);

}  // namespace gasm
