// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "gasm/config/backbone_config.hpp"
#include "gasm/models/linear.hpp"
#include "gasm/models/named_tensors.hpp"
#include "gasm/models/recompute.hpp"

namespace gasm {

/// Sizes of a TimeSformer with divided space-time attention (Bertasius et
/// al., 2021). The defaults are the published base model's for 174 classes.
struct TimesformerOptions {
  std::int64_t width = 768;
  std::int64_t depth = 12;
  std::int64_t heads = 12;        ///< divides width
  std::int64_t ffn_width = 3072;  ///< hidden width of the MLP
  std::int64_t patch_px = 16;
  /// Of the clips that the position and time embeddings are made for; clips
  /// of another size are taken, too.
  std::int64_t image_height_px = 224;
  std::int64_t image_width_px = 224;
  std::int64_t num_frames = 8;
  std::int64_t num_classes = 174;  ///< 0: no classifier
  double norm_eps = 1e-6;
  /// Probability that the last block drops a residual branch; it grows
  /// linearly from 0 in the first block. Published training: 0.1.
  double drop_path = 0.0;
};

/// Final normed tokens of B clips of T frames of N = h * w patches.
struct TimesformerTokens {
  at::Tensor cls;      ///< [B, D]
  at::Tensor patches;  ///< [B, N * T, D]: patch by patch (row-major), each
                       ///< with its T frames in order
  at::Tensor logits;   ///< [B, K]; undefined without a classifier
};

/// The sizes of a configuration of that kind, with_sizes.
TimesformerOptions timesformer_options(BackboneConfig const& config);

class TimesformerBlock;

/// Video transformer whose blocks attend first over time, then over space.
/// In each block, with LayerNorm before every part and all biases present:
///   1. each patch position attends over its T frames, without CLS; a linear
///      layer (temporal_dense), which starts at zero, adds the result;
///   2. each frame's patches and a copy of CLS attend each other; the T
///      results of CLS are averaged;
///   3. MLP with exact GELU on all tokens.
///
/// Names are those of TimesformerForVideoClassification in the transformers
/// library less its leading "timesformer.":
///   embeddings.{cls_token [1,1,D], position_embeddings [1,1+N,D],
///     time_embeddings [1,T,D]},
///   embeddings.patch_embeddings.projection.{weight [D,3,p,p], bias},
///   encoder.layer.I.{temporal_layernorm, layernorm_before,
///     layernorm_after}.{weight, bias},
///   encoder.layer.I.{temporal_attention, attention}.attention.qkv.{weight
///     [3D,D], bias}, rows q, k, v,
///   encoder.layer.I.{temporal_attention, attention}.output.dense.{weight,
///     bias},
///   encoder.layer.I.{temporal_dense, intermediate.dense,
///     output.dense}.{weight, bias},
///   layernorm.{weight, bias}, classifier.{weight, bias}.
/// Starts as published: normal(0, 0.02) for matrices, CLS and positions, zero
/// for biases, time embeddings and temporal_dense; the patch convolution
/// uniform in +-1 / sqrt(fan_in).
class Timesformer : public torch::nn::Module {
 public:
  /// usage_error if the heads do not divide the width or a size is below 1.
  explicit Timesformer(TimesformerOptions const& options);

  /// clips [B, 3, T, H, W], normalised; H and W are cut to whole patches.
  /// Where rows, columns or T are not those of the options, positions and
  /// times are taken from the nearest stored ones (source index
  /// floor(i * stored / wanted)).
  TimesformerTokens forward(at::Tensor const& clips);

  TimesformerOptions const& options() const { return options_; }
  void set_activations(Activations activations) { activations_ = activations; }

 private:
  at::Tensor embed(at::Tensor const& clips);

  TimesformerOptions options_;
  at::Tensor cls_token_, positions_, times_;
  torch::nn::Conv2d projection_{nullptr};
  std::vector<std::shared_ptr<TimesformerBlock>> layers_;
  torch::nn::LayerNorm norm_{nullptr};
  Linear classifier_{nullptr};
  Activations activations_ = Activations::kept;
};

/// Tensors under the names above, with embeddings.position_embeddings and
/// .time_embeddings resized to the options by the rule of forward(), so that
/// load_named_tensors takes weights of another resolution or number of
/// frames. The file's positions must be those of a square image; an Error
/// otherwise.
TensorMap resize_timesformer_embeddings(TensorMap tensors,
                                        TimesformerOptions const& options);

/// Whether weights under the names above lack all parts that know of time.
bool is_image_transformer(TensorMap const& tensors);

/// Those of an image transformer with the parts of time as published training
/// starts them: attention and norm over time are copies of those over space,
/// temporal_dense and time embeddings are zero.
TensorMap add_time(TensorMap tensors, TimesformerOptions const& options);

}  // namespace gasm
