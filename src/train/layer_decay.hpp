// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "gasm/models/model_summary.hpp"

namespace gasm {

/// How often optim.layer_decay applies to a parameter: 0 above all blocks
/// (heads, last norms), 1 in the topmost block, n in the first of n, n + 1
/// below them (embeddings, first norms). A block is what has `layer.I.` or
/// `blocks.I.` in its name; those of one model, the first part of the name,
/// count, as far as they are among `parameters`.
int num_layers_above(std::string const& name,
                     std::vector<ParameterInfo> const& parameters);

}  // namespace gasm
