// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "gasm/config/fusion_spec.hpp"
#include "gasm/models/attention_pool.hpp"
#include "gasm/models/cross_attention.hpp"
#include "gasm/models/fusion_layers.hpp"
#include "gasm/models/linear.hpp"
#include "gasm/models/recompute.hpp"
#include "gasm/models/stream.hpp"
#include "gasm/models/trace.hpp"

namespace gasm {

/// Shapes: B clips, S kept frames, N = h * w patches a frame, M motion
/// segments, P motion positions a segment, Ds / Dm stream widths, K classes.

/// Every fusion model: bcast, cross, concat, late, and one stream alone.
///
/// Parameter names: semantic.*, motion.* (Stream), fusion.I.*, norm_s, norm_m,
/// pool_s.*, pool_m.* (AttentionPool, if chosen), head (or head_s and head_m
/// for late). The constructor throws an Error that
/// names the key for a spec that cannot be built (heads that do not divide a
/// width, a cross_bias without two streams, an empty grid).
class GasmCast : public torch::nn::Module {
 public:
  explicit GasmCast(FusionSpec const& spec);

  /// semantic [B, S, N, Ds_in], motion [B, M, P, Dm_in] -> logits [B, K]. The
  /// stream that the kind does not use may be undefined. Throws an Error with
  /// both shapes when one does not fit the spec. A trace is filled if given.
  at::Tensor forward(at::Tensor const& semantic, at::Tensor const& motion,
                     Trace* trace = nullptr);

  FusionSpec const& spec() const { return spec_; }
  void set_activations(Activations activations);
  /// The streams, for their statistics; null where the kind has none.
  std::shared_ptr<Stream> semantic() const { return semantic_; }
  std::shared_ptr<Stream> motion() const { return motion_; }

 private:
  void build_head(std::int64_t dim_semantic, std::int64_t dim_motion);
  void build_fusion(std::int64_t dim_semantic, std::int64_t dim_motion);
  TokenPair run_layer(FusionLayer& layer, TokenPair const& tokens,
                      TraceScope const& trace);
  void build_pools(std::int64_t dim_semantic, std::int64_t dim_motion);
  at::Tensor pool_semantic(at::Tensor const& tokens, TraceScope const& trace);
  at::Tensor pool_motion(at::Tensor const& tokens, TraceScope const& trace);

  FusionSpec spec_;
  Activations activations_ = Activations::kept;
  std::shared_ptr<Stream> semantic_, motion_;
  std::vector<std::shared_ptr<FusionLayer>> fusion_;
  torch::nn::LayerNorm norm_s_{nullptr}, norm_m_{nullptr};
  std::shared_ptr<AttentionPool> pool_s_, pool_m_;
  Linear head_{nullptr}, head_s_{nullptr}, head_m_{nullptr};
  AlignedMasks masks_;  ///< undefined: everything is visible
};

}  // namespace gasm
