// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <functional>
#include <vector>

namespace gasm {

/// Whether the inside of a model's blocks is kept from the forward pass to the
/// backward pass, or computed a second time there from the block's input
/// (activation checkpointing: Chen et al., 2016, "Training Deep Nets with
/// Sublinear Memory Cost"). Results are the same to the last bit.
enum class Activations { kept, recomputed };

/// What a block computes: any number of tensors to any number.
using BlockForward =
    std::function<std::vector<at::Tensor>(std::vector<at::Tensor> const&)>;

/// forward(inputs), after announce_block(block), of which only the inputs are
/// kept for the backward pass.
///
/// There it is called again, with the random numbers of the default
/// generators (dropout) and the autocast that were in force, and has to
/// compute the same; `block` holds the parameters that it uses, and must live
/// until then, as whatever `forward` refers to. Without gradients, and where
/// neither inputs nor parameters want one, it is a plain call.
std::vector<at::Tensor> recomputed(torch::nn::Module const& block,
                                   BlockForward const& forward,
                                   std::vector<at::Tensor> const& inputs);

/// The same of one tensor to one, or the plain call where activations are
/// kept: what the loop over a model's blocks calls.
at::Tensor run_block(Activations activations, torch::nn::Module const& block,
                     std::function<at::Tensor(at::Tensor const&)> forward,
                     at::Tensor const& input);

}  // namespace gasm
