// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <memory>

#include "gasm/models/vit.hpp"
#include "gasm/models/vit_positions.hpp"

namespace gasm {

class VitAttention;
class VitMlp;
class LayerScale;

/// x + scale1 attention(norm1 x), then y + scale2 mlp(norm2 y). x [B, T, D].
class VitBlock : public torch::nn::Module {
 public:
  explicit VitBlock(VitOptions const& options);
  at::Tensor forward(at::Tensor const& x, RopeTable const& rope);

  /// Its steps, for a model that adds to them: forward() is y = x + attend(x),
  /// y + feed(norm_for_mlp(y)).
  at::Tensor attend(at::Tensor const& x, RopeTable const& rope);
  at::Tensor norm_for_mlp(at::Tensor const& x);
  at::Tensor feed(at::Tensor const& normed);

 private:
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr};
  std::shared_ptr<VitAttention> attention_;
  std::shared_ptr<VitMlp> mlp_;
  std::shared_ptr<LayerScale> scale1_, scale2_;
};

}  // namespace gasm
