// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "gasm/config/backbone_config.hpp"
#include "gasm/config/motion_config.hpp"
#include "gasm/config/semantic_config.hpp"
#include "gasm/models/recompute.hpp"
#include "gasm/models/vit_positions.hpp"

namespace gasm {

/// Where a vision transformer's tokens learn their places from.
enum class VitPositions {
  rope,      ///< rotary, rows and columns (DINOv3)
  rope_3d,   ///< rotary, time, rows and columns (V-JEPA 2)
  learned,   ///< a table for CLS and a grid, resampled (DINOv2, CLIP)
  sinusoid,  ///< a fixed table over all tokens (VideoMAE)
};

enum class VitActivation { gelu, quick_gelu };

/// What the last layer norm is applied to.
enum class VitFinalNorm { all, cls, none };

/// Who wrote a file of weights: its names, and how they compute what it does
/// not hold.
enum class WeightOrigin {
  gasm,          ///< a checkpoint of ours, or gasm weights convert
  transformers,  ///< the transformers library
  hub,           ///< the authors' own repository
  timm,
};

constexpr auto choices(WeightOrigin) {
  return std::array{Choice{WeightOrigin::gasm, "gasm"},
                    Choice{WeightOrigin::transformers, "transformers"},
                    Choice{WeightOrigin::hub, "hub"},
                    Choice{WeightOrigin::timm, "timm"}};
}

/// What published code does in different ways; nothing is automatic.
struct PositionRules {
  RopePeriods periods = RopePeriods::fp32;
  PositionResize resize = PositionResize::size;
};

/// Those in force: what is automatic is as the origin has it.
PositionRules position_rules(WeightOrigin origin, std::int64_t num_registers,
                             RopePeriods periods, PositionResize resize);

/// A vision transformer on images or clips: sizes, and where published
/// families differ. The defaults are those of DINOv3 (Simeoni et al., 2025).
struct VitOptions {
  std::int64_t width = 384;
  std::int64_t depth = 12;
  std::int64_t heads = 6;
  /// mlp: down(act(up x)); swiglu: down(silu(gate x) * up x).
  FfnKind ffn = FfnKind::mlp;
  std::int64_t ffn_width = 1536;  ///< hidden width of the MLP or SwiGLU
  VitActivation activation = VitActivation::gelu;
  std::int64_t patch_px = 16;
  std::int64_t tubelet = 0;  ///< frames of a token of a clip; 0: images
  bool has_patch_bias = true;
  bool has_cls = true;
  std::int64_t registers = 4;
  VitPositions positions = VitPositions::rope;
  /// rope: width / heads must be a multiple of 4; rope_3d: at least 6.
  double rope_base = 100.0;
  std::array<std::int64_t, 2> learned_grid = {14, 14};  ///< rows, columns
  PositionRules rules;
  bool has_input_norm = false;  ///< a layer norm before the first block
  bool has_key_bias = false;
  VitFinalNorm final_norm = VitFinalNorm::all;
  double norm_eps = 1e-5;
  /// Start of the gains on residual branches; none: no such gains.
  std::optional<double> layer_scale = 1e-5;
};

/// The transformer of a configuration. Throws a usage error for a kind that
/// is none.
VitOptions vit_options(BackboneConfig const& config);
VitOptions vit_options(SemanticConfig const& config);
VitOptions vit_options(MotionConfig const& config);

/// Final tokens of B images of h x w patches, or of clips of t x h x w.
struct VitTokens {
  at::Tensor cls;        ///< [B, D]; undefined if there is none
  at::Tensor registers;  ///< [B, R, D]
  at::Tensor patches;    ///< [B, N, D], N = h w or t h w, row-major (t, y, x)
};

class VitBlock;

/// Patch convolution, CLS and register tokens, pre-norm blocks, final norm.
/// Learned positions are added before registers are inserted; rotary ones turn
/// the patch tokens alone. No training-time augmentation of coordinates.
///
/// Names are those of DINOv3ViTModel in the transformers library:
/// embeddings.{cls_token, register_tokens, patch_embeddings.*},
/// layer.I.{norm1, attention.{q,k,v,o}_proj, layer_scale1.lambda1, norm2,
/// mlp.{up,gate,down}_proj, layer_scale2.lambda1}, norm.*; and
/// embeddings.position_embeddings [1, 1 + rows * columns, D], input_norm.*.
/// weight_names.hpp has those of other files.
/// Starts as published: normal(0, 0.02) for matrices, registers and positions,
/// nearly zero for the CLS token, zero biases; the patch convolution uniform
/// in +-1 / sqrt(fan_in).
class Vit : public torch::nn::Module {
 public:
  explicit Vit(VitOptions const& options);

  /// images [B, 3, H, W], or clips [B, 3, T, H, W] with a tubelet, normalised.
  /// H and W are cut to whole patches, T to whole tubelets.
  VitTokens forward(at::Tensor const& pixels);

  /// Its parts, for a model that works between the blocks: the tokens
  /// before the first block [B, T, D], the blocks, and the last norm, null if
  /// there is none.
  at::Tensor first_tokens(at::Tensor const& pixels);
  std::vector<std::shared_ptr<VitBlock>> const& blocks() const {
    return layers_;
  }
  torch::nn::LayerNorm last_norm() const { return norm_; }

  VitOptions const& options() const { return options_; }
  /// Once it is known who wrote the weights.
  void set_position_rules(PositionRules const& rules) {
    options_.rules = rules;
  }
  void set_activations(Activations activations) { activations_ = activations; }

 private:
  at::Tensor patch_map(at::Tensor const& pixels);
  at::Tensor embed(at::Tensor const& map);
  /// Both fp32, on a device. They are made on the host and copied once: a copy
  /// in each pass would wait for a GPU.
  RopeTable const& rope_of(PatchGrid const& grid, at::Device device);
  at::Tensor const& sinusoid_of(std::int64_t num_tokens, at::Device device);

  VitOptions options_;
  Activations activations_ = Activations::kept;
  at::Tensor cls_token_, register_tokens_, position_embeddings_;
  torch::nn::Conv2d image_patches_{nullptr};
  torch::nn::Conv3d clip_patches_{nullptr};
  torch::nn::LayerNorm input_norm_{nullptr};
  std::vector<std::shared_ptr<VitBlock>> layers_;
  torch::nn::LayerNorm norm_{nullptr};
  RopeTable rope_;  ///< of rope_grid_, the last one
  PatchGrid rope_grid_{};
  at::Tensor sinusoid_;
};

}  // namespace gasm
