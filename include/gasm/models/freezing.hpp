// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace gasm {

/// No parameter of `module` takes a gradient.
void freeze(torch::nn::Module& module);

/// Short names of a model's parts: {"res5", "blocks.5"}.
using PartNames = std::map<std::string, std::string>;

/// The stages of an I3dResNet: stem, res2 .. res5.
PartNames const& i3d_part_names();

/// Freezes the parameters of `module` that no pattern names. A pattern is the
/// name of a parameter or of a part, with * and ? as in a shell, or one of
/// `parts`. A usage error that names `key` if a pattern names nothing.
void freeze_all_but(torch::nn::Module& module,
                    std::vector<std::string> const& patterns,
                    PartNames const& parts, std::string const& key);

}  // namespace gasm
