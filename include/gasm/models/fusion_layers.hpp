// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>

#include "gasm/models/cross_attention.hpp"
#include "gasm/models/layers.hpp"
#include "gasm/models/linear.hpp"
#include "gasm/models/trace.hpp"

namespace gasm {

struct FusionSpec;

/// The specification with the drop_path of block `depth` of a stream: graph
/// blocks from 0 on, then layers of bcast. A linear schedule gives the first 0
/// and the last drop_path, also where one block is both.
FusionSpec spec_at_depth(FusionSpec const& spec, int depth);

/// The tokens of both streams: semantic [B, S*N, Ds], motion [B, M*P, Dm].
struct TokenPair {
  at::Tensor semantic, motion;
};

/// A layer in which two streams read each other; shapes are kept. Both
/// directions read the streams as they were before the layer. Records
/// s_from_m and m_from_s.
class FusionLayer : public torch::nn::Module {
 public:
  virtual TokenPair fuse(TokenPair const& tokens, AlignedMasks const& masks,
                         TraceScope const& trace) = 0;
};

/// Bottleneck cross-attention (after Lee et al., CAST, 2023): both streams
/// go down to fusion_dim, attend each other, and come up again as a residual;
/// then an FFN each. The up projections start at zero: the layer starts as
/// the identity plus its FFNs.
class BCast : public FusionLayer {
 public:
  BCast(std::int64_t dim_semantic, std::int64_t dim_motion,
        FusionSpec const& spec);
  TokenPair fuse(TokenPair const& tokens, AlignedMasks const& masks,
                 TraceScope const& trace) override;

 private:
  Linear down_s_{nullptr}, down_m_{nullptr};
  torch::nn::LayerNorm norm_s_{nullptr}, norm_m_{nullptr};
  at::Tensor pos_s_, pos_m_;
  std::shared_ptr<CrossAttention> s_from_m_, m_from_s_;
  Linear up_s_{nullptr}, up_m_{nullptr};
  torch::nn::LayerNorm ffn_norm_s_{nullptr}, ffn_norm_m_{nullptr};
  std::shared_ptr<Ffn> ffn_s_, ffn_m_;
  double drop_path_;
};

/// Full-width bidirectional cross-attention, post-norm:
/// x = LN(x + dropout(attention)); x = LN(x + dropout(FFN x)).
class Cross : public FusionLayer {
 public:
  Cross(std::int64_t dim, FusionSpec const& spec);
  TokenPair fuse(TokenPair const& tokens, AlignedMasks const& masks,
                 TraceScope const& trace) override;

 private:
  std::shared_ptr<CrossAttention> s_from_m_, m_from_s_;
  torch::nn::LayerNorm norm_s_{nullptr}, norm_m_{nullptr};
  std::shared_ptr<Ffn> ffn_s_, ffn_m_;
  torch::nn::LayerNorm ffn_norm_s_{nullptr}, ffn_norm_m_{nullptr};
  double dropout_;
};

}  // namespace gasm
