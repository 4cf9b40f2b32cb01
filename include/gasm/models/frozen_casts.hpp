// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <utility>
#include <vector>

#include "gasm/models/autocast.hpp"

namespace gasm {

/// While it lives, those weights of linear maps and convolutions that do not
/// learn (requires_grad is false) have the 16-bit type that autocast would
/// cast them to at each use: the same bits in every result, and no cast. The
/// fp32 weights are kept aside. Nothing where autocast is off.
class FrozenCasts {
 public:
  FrozenCasts(torch::nn::Module const& model, Autocast const& autocast);
  ~FrozenCasts();
  FrozenCasts(FrozenCasts const&) = delete;
  FrozenCasts& operator=(FrozenCasts const&) = delete;

  /// While it lives, the fp32 weights are in their places.
  class Pause {
   public:
    explicit Pause(FrozenCasts& casts);
    ~Pause();
    Pause(Pause const&) = delete;
    Pause& operator=(Pause const&) = delete;

   private:
    FrozenCasts& casts_;
  };

 private:
  void add(at::Tensor const& parameter, at::ScalarType type);
  void swap();

  /// A parameter, and what is to be in its place after the next swap.
  std::vector<std::pair<at::Tensor, at::Tensor>> swaps_;
};

}  // namespace gasm
