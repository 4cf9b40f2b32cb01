// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "gasm/models/batch_norm.hpp"
#include "gasm/models/graph_attention.hpp"
#include "gasm/models/linear.hpp"
#include "gasm/models/recompute.hpp"
#include "gasm/models/trace.hpp"

namespace gasm {

struct FusionSpec;

/// One modality before fusion: standardisation, input projection, position
/// embeddings and graph blocks. x [B, T, L, D_in] -> [B, T, L, D].
///
/// standardise = fixed: the training set's statistics `mean` and `std` [D_in]
/// (0 and 1 until set) are buffers; batchnorm: a BatchNorm over all tokens of
/// the micro-batch. The graph runs over L within a frame (semantic) or over T
/// at a position (motion). A frozen graph is chosen once, by the cosine of the
/// standardised input without a gradient, and all blocks share it.
class Stream : public torch::nn::Module {
 public:
  enum class GraphAxis { places, time };

  struct Sizes {
    std::int64_t dim_in = 0;
    std::int64_t width = 0;  ///< 0: keep dim_in
    std::int64_t steps = 0, places = 0;
    std::vector<std::int64_t> grid;
    GraphAxis axis = GraphAxis::places;
    std::int64_t topk = 0;
  };

  Stream(Sizes const& sizes, FusionSpec const& spec);
  /// With standardise = fixed (asserted): the statistics, [D_in] each.
  void set_statistics(at::Tensor const& mean, at::Tensor const& std);
  at::Tensor forward(at::Tensor const& x, TraceScope const& trace);
  void set_activations(Activations activations) { activations_ = activations; }

 private:
  at::Tensor standardise(at::Tensor const& x);
  at::Tensor to_graphs(at::Tensor const& x) const;
  at::Tensor from_graphs(at::Tensor const& nodes, std::int64_t batch) const;

  GraphAxis axis_;
  Activations activations_ = Activations::kept;
  GraphEdges edges_;
  std::shared_ptr<BatchNorm> standard_;
  at::Tensor mean_, std_;
  Linear input_{nullptr};
  at::Tensor pos_time_, pos_space_;
  std::vector<std::shared_ptr<GraphBlock>> graph_;
};

}  // namespace gasm
