// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace gasm {

using TensorMap = std::map<std::string, at::Tensor>;
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// The state dict of a module: its parameters and persistent buffers, module
/// by module in registration order (the same on every rank), sharing memory
/// with it. Constants (register_constant) are left out.
NamedTensors named_tensors(torch::nn::Module const& module);

/// Copies tensors into a module's state, strictly: a missing, an extra or a
/// misshapen tensor is an Error that names it, both shapes, the nearest name
/// and `source` (the file). Floating types are converted to the module's,
/// integers only to integers. Nothing is copied unless all fit.
/// Returns the names whose type was converted, for the caller to log.
std::vector<std::string> load_named_tensors(torch::nn::Module& module,
                                            TensorMap const& tensors,
                                            std::string const& source);

/// I3D weights in pytorchvideo's names without the head (blocks.6) and the
/// stages after `num_stages` (1: res2 alone .. 4: up to res5).
TensorMap up_to_stage(TensorMap const& tensors, std::size_t num_stages);

/// "[2, 3]" for messages.
std::string shape_text(at::Tensor const& tensor);

}  // namespace gasm
