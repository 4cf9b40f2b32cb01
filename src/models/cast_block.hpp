// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>

#include "gasm/config/cast_config.hpp"
#include "gasm/models/linear.hpp"
#include "gasm/models/vit_block.hpp"

namespace gasm {

/// A normal(0, 0.02) matrix and a bias of zeros, as CAST's own layers start.
Linear make_cast_linear(std::int64_t in, std::int64_t out);

/// up(gelu(down x)), and x + that with a skip; `up` starts at zero. Names:
/// down.*, up.*.
class Adapter : public torch::nn::Module {
 public:
  enum class Skip { no, yes };
  Adapter(std::int64_t width, std::int64_t hidden, Skip skip);
  at::Tensor forward(at::Tensor const& x);

 private:
  Skip skip_;
  Linear down_{nullptr}, up_{nullptr};
};

/// Tokens of B clips of F pairs of frames of N patches.
struct CastTokens {
  at::Tensor spatial;   ///< [B * F, 1 + N, D], CLS first
  at::Tensor temporal;  ///< [B, F * N, D], frame by frame
};

/// Attention of one stream to the other within windows:
/// query [A, L, R], context [A, L, R] -> [A, L, R].
///
/// Each side first gets a learned table of its places [L, R] (query_pos,
/// context_pos; normal with standard deviation (R / heads)^-0.5). Names:
/// query_pos, context_pos, {q,k,v,o}.*.
class WindowAttention : public torch::nn::Module {
 public:
  WindowAttention(std::int64_t width, std::int64_t heads, std::int64_t length);
  at::Tensor forward(at::Tensor const& query, at::Tensor const& context);

 private:
  std::int64_t heads_;
  at::Tensor query_pos_, context_pos_;
  Linear q_{nullptr}, k_{nullptr}, v_{nullptr}, o_{nullptr};
};

/// Cross-attention of both streams in a bottleneck (B-CAST): n = LN(down x) of
/// each stream, both of before the update;
///   spatial:  up(gelu([CLS of n_s, attention of its patches to n_t over the F
///             frames of each place])),
///   temporal: up(gelu(attention of n_t to the patches of n_s over the N
///             places of each frame)).
/// Names: {spatial,temporal}_{down,up}.*, {spatial,temporal}_norm.*,
/// over_time.* and over_space.* (WindowAttention). `up` starts at zero.
class BottleneckCross : public torch::nn::Module {
 public:
  BottleneckCross(CastConfig const& config, std::int64_t num_frames,
                  std::int64_t num_places);
  /// What is to be added to each stream.
  CastTokens forward(CastTokens const& tokens);

 private:
  std::int64_t num_frames_, num_places_;
  Linear spatial_down_{nullptr}, temporal_down_{nullptr};
  torch::nn::LayerNorm spatial_norm_{nullptr}, temporal_norm_{nullptr};
  std::shared_ptr<WindowAttention> over_time_, over_space_;
  Linear spatial_up_{nullptr}, temporal_up_{nullptr};
};

/// What CAST adds to one block of each transformer:
///   1. x += adapter(attention(norm1 x)),
///   2. x += BottleneckCross,
///   3. x += mlp(norm2 x) + mlp_adapter(norm2 x) / 2,
/// the second and the added half of the third under stochastic depth.
/// Names: {spatial,temporal}_adapter.*, {spatial,temporal}_mlp_adapter.*,
/// cross.*.
class CastBlock : public torch::nn::Module {
 public:
  /// Drops its branches with probability `drop`.
  CastBlock(CastConfig const& config, std::int64_t num_frames,
            std::int64_t num_places, double drop);
  CastTokens forward(CastTokens tokens, VitBlock& clip, VitBlock& videomae);

 private:
  at::Tensor drop_spatial(at::Tensor const& x);
  at::Tensor drop_temporal(at::Tensor const& x);

  double drop_;
  std::shared_ptr<Adapter> spatial_adapter_, temporal_adapter_;
  std::shared_ptr<BottleneckCross> cross_;
  std::shared_ptr<Adapter> spatial_mlp_adapter_, temporal_mlp_adapter_;
};

}  // namespace gasm
