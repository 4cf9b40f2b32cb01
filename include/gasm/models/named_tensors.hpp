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

/// What published backbone files hold that our backbones do not, and how
/// their names begin; of a whole model of ours, the backbone. Each returns
/// tensors that load_named_tensors takes.

/// transformers' DINOv3: drops embeddings.mask_token and
/// rope_embeddings.inv_freq, removes a leading "model.", "backbone." or
/// "dinov3_vit.".
TensorMap adapt_dinov3_weights(TensorMap const& tensors);

/// pytorchvideo's I3D: removes a leading "model.", drops the head (blocks.6)
/// and the stages after `num_stages` (1: res2 alone .. 4: up to res5).
TensorMap adapt_i3d_weights(TensorMap const& tensors, std::size_t num_stages);

/// "[2, 3]" for messages.
std::string shape_text(at::Tensor const& tensor);

}  // namespace gasm
