// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "gasm/config/motion_config.hpp"
#include "gasm/models/recompute.hpp"

namespace gasm {

/// Time, height, width.
using Size3 = std::array<std::int64_t, 3>;

/// One residual stage.
struct I3dStage {
  std::int64_t depth = 3;
  std::int64_t inner = 64;          ///< width of conv_a and conv_b
  std::int64_t outer = 256;         ///< width of conv_c and the shortcut
  std::int64_t spatial_stride = 1;  ///< of the first block's conv_b
  /// Temporal kernel (odd) of conv_a in block j: [j % size].
  std::vector<std::int64_t> temporal_kernels = {3};
};

/// Sizes of an inflated 3-D ResNet of bottlenecks (Carreira & Zisserman,
/// 2017; Wang et al., 2018). The defaults are I3D-R50 up to res5.
struct I3dOptions {
  std::int64_t stem_width = 64;
  Size3 stem_kernel = {5, 7, 7};  ///< odd; padded by half
  Size3 stem_stride = {1, 2, 2};
  Size3 stem_pool_kernel = {1, 3, 3};  ///< max pool, odd; {1,1,1}: none
  Size3 stem_pool_stride = {1, 2, 2};
  /// Max pool in time between res2 and res3 (a tap at res2 is before it); 1:
  /// none.
  std::int64_t temporal_pool = 2;
  std::vector<I3dStage> stages = {{3, 64, 256, 1, {3}},
                                  {4, 128, 512, 2, {3, 1}},
                                  {6, 256, 1024, 2, {3, 1}},
                                  {3, 512, 2048, 2, {1, 3}}};
  double norm_eps = 1e-5;
  /// Start of the gain of every bottleneck's last batch norm. 1 as in the
  /// published code; 0 starts each block as the identity.
  double last_norm_gain = 1.0;
  /// Classes of the head after the last stage; 0: no head.
  std::int64_t num_classes = 0;
  Size3 head_pool = {4, 7, 7};  ///< average pool, stride 1, no padding
  double head_dropout = 0.5;
};

/// The sizes in force of a configuration, up to its stage: those of its
/// preset, or its own.
I3dOptions i3d_options(MotionConfig const& config);

class I3dStem;
class I3dResStage;
class I3dHead;

/// What the backbone makes of clips on its way.
struct I3dTaps {
  std::vector<at::Tensor> stages;  ///< res2, res3, ..: [B, C, T', H', W']
  at::Tensor logits;               ///< [B, K]; undefined without a head
};

/// 3-D ResNet whose last stage is the tap: stages after it are not built.
///
/// Names are those of pytorchvideo: blocks.0.{conv,norm} is the stem,
/// blocks.1 res2, blocks.2 the temporal pool (no tensors), blocks.3..5
/// res3..res5, each with res_blocks.J.{branch1_conv, branch1_norm,
/// branch2.{conv,norm}_{a,b,c}}; branch1 only where the shape changes;
/// blocks.6.proj the head after res5: average pool, dropout, a linear layer
/// at every place that is left, and their mean.
/// Starts as published: convolutions normal with variance 2 / fan_out
/// (Kaiming), batch norms gain 1 and shift 0, the head normal(0, 0.01).
class I3dResNet : public torch::nn::Module {
 public:
  explicit I3dResNet(I3dOptions const& options);

  /// clips [B, 3, T, H, W], normalised -> [B, C, T', H', W'] of the tap.
  at::Tensor forward(at::Tensor const& clips);

  /// The same clips -> every stage and the logits in one pass. Error if a
  /// head is there and less than its pool reaches it.
  I3dTaps forward_taps(at::Tensor const& clips);

  I3dOptions const& options() const { return options_; }
  void set_activations(Activations activations) { activations_ = activations; }

 private:
  at::Tensor pool_time(at::Tensor const& x) const;
  at::Tensor run_stage(std::size_t i, at::Tensor const& x);

  I3dOptions options_;
  Activations activations_ = Activations::kept;
  std::shared_ptr<I3dStem> stem_;
  std::vector<std::shared_ptr<I3dResStage>> stages_;
  std::shared_ptr<I3dHead> head_;
};

/// T, H, W on the way through the backbone.
struct I3dSizes {
  Size3 stem;       ///< after its convolution
  Size3 stem_pool;  ///< after its pool, if any
  /// Of each stage after its first block, and so to its end.
  std::vector<Size3> stages;
};

/// For clips of T frames of H x W pixels. Throws if nothing is left.
I3dSizes i3d_sizes(I3dOptions const& options, Size3 const& clip);

/// T', H', W' of the tap: the last of i3d_sizes.
Size3 i3d_output_size(I3dOptions const& options, Size3 const& clip);

/// The places where the head's linear layer is applied, for a tap of this
/// size. usage_error if there is none.
Size3 i3d_head_size(I3dOptions const& options, Size3 const& tap);

/// How the places of a cell become one.
enum class I3dPool { avg, max };

/// features [B, C, M, H', W'] -> [B, M, rows * columns, C]: the mean or the
/// largest of each cell, which reaches from floor(i H' / rows) to
/// ceil((i + 1) H' / rows), row-major.
at::Tensor pool_to_grid(at::Tensor const& features, std::int64_t rows,
                        std::int64_t columns, I3dPool pool = I3dPool::avg);

}  // namespace gasm
