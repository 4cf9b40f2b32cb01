// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace gasm {

/// Multiply-accumulates of what `run` does in this thread, counted while it
/// runs: of every matrix product, convolution and attention that torch
/// executes, from the shapes it is given. What fvcore counts by a trace, and
/// attention besides; norms, activations and softmax are not counted.
double count_macs(std::function<void()> const& run);

}  // namespace gasm
