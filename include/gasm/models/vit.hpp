// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "gasm/config/semantic_config.hpp"

namespace gasm {

/// Sizes of a vision transformer in the style of DINOv3 (Simeoni et al.,
/// 2025). The defaults are those of all published models.
struct VitOptions {
  std::int64_t width = 384;
  std::int64_t depth = 12;
  std::int64_t heads = 6;  ///< width / heads must be a multiple of 4
  /// mlp: down(gelu(up x)); swiglu: down(silu(gate x) * up x).
  FfnKind ffn = FfnKind::mlp;
  std::int64_t ffn_width = 1536;  ///< hidden width of the MLP or SwiGLU
  std::int64_t patch_px = 16;
  std::int64_t registers = 4;
  double rope_base = 100.0;
  RopePeriods rope_periods = RopePeriods::fp32;
  double norm_eps = 1e-5;
  /// Start of the gains on residual branches; none: no such gains.
  std::optional<double> layer_scale = 1e-5;
};

/// The sizes in force of a configuration: its preset's, or its own.
VitOptions vit_options(SemanticConfig const& config);

/// Final normed tokens of B images of h x w patches.
struct VitTokens {
  at::Tensor cls;        ///< [B, D]
  at::Tensor registers;  ///< [B, R, D]
  at::Tensor patches;    ///< [B, h*w, D], row-major (y, x)
};

class VitBlock;

/// Patch convolution (bias), CLS and register tokens, pre-norm blocks with
/// LayerScale, q and v bias but no k bias, axial rotary positions on the
/// patch tokens only, final LayerNorm on all tokens. No training-time
/// augmentation of coordinates.
///
/// Names are those of DINOv3ViTModel in the transformers library:
/// embeddings.{cls_token, register_tokens, patch_embeddings.*},
/// layer.I.{norm1, attention.{q,k,v,o}_proj, layer_scale1.lambda1, norm2,
/// mlp.{up,gate,down}_proj, layer_scale2.lambda1}, norm.*.
/// Starts as published: normal(0, 0.02) for matrices and registers, nearly
/// zero for the CLS token, zero biases; the patch convolution uniform in
/// +-1 / sqrt(fan_in).
class Vit : public torch::nn::Module {
 public:
  explicit Vit(VitOptions const& options);

  /// images [B, 3, H, W], normalised; H and W are cut to whole patches.
  VitTokens forward(at::Tensor const& images);

  VitOptions const& options() const { return options_; }

 private:
  VitOptions options_;
  at::Tensor cls_token_, register_tokens_;
  torch::nn::Conv2d patch_embeddings_{nullptr};
  std::vector<std::shared_ptr<VitBlock>> layers_;
  torch::nn::LayerNorm norm_{nullptr};
};

/// cos and sin [h*w, head_dim] of the rotary angles, fp32: patch centres in
/// [-1, 1] per axis, angle 2 pi c / period, first y then x, tiled twice.
struct RopeTable {
  at::Tensor cos, sin;
};
RopeTable make_rope_table(VitOptions const& options, std::int64_t rows,
                          std::int64_t columns);

/// x [B, heads, T, d] with its last `table` rows of T rotated: x cos +
/// rotate_half(x) sin, rotate_half([a | b]) = [-b | a].
at::Tensor rotate_patches(at::Tensor const& x, RopeTable const& table);

}  // namespace gasm
