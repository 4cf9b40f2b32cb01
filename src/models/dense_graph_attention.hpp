// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace gasm {

/// What is added to the logits of graph attention.
struct GraphBias {
  at::Tensor relative;  ///< [H, N, N]: all that is the same in every graph
  at::Tensor gain;      ///< [H], times `cosine`
  at::Tensor similar;   ///< [H], where kind is 2
  at::Tensor cosine;    ///< [G, N, N]
  at::Tensor kind;      ///< i8 [G, N, N]; below 0: not seen
};

struct Attended {
  at::Tensor mixed;   ///< [G, N, D], heads joined
  at::Tensor weight;  ///< [G, H, N, N], without a gradient of its own
};

/// softmax(q k^T / sqrt(d) + bias) v along all pairs, q, k, v [G, H, N, d].
///
/// Graph by graph, on a CPU: the logits of one stay in its cache, where tensor
/// operations over all graphs would carry each of eight passes through
/// memory. Biases and softmax are in fp32 whatever the type of q, k and v.
Attended attend_densely(at::Tensor const& q, at::Tensor const& k,
                        at::Tensor const& v, GraphBias const& bias);

}  // namespace gasm
