// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/stream.hpp"

#include <optional>
#include <string>

#include "gasm/base/error.hpp"
#include "gasm/config/fusion_spec.hpp"
#include "gasm/models/fusion_layers.hpp"

namespace gasm {

Stream::Stream(Sizes const& sizes, FusionSpec const& spec)
    : axis_(sizes.axis), edges_(spec.graph_edges) {
  std::int64_t const dim_in = sizes.dim_in;
  std::int64_t const dim = sizes.width ? sizes.width : dim_in;
  pos_time_ =
      register_parameter("pos_time", torch::zeros({sizes.steps, 1, dim}));
  pos_space_ =
      register_parameter("pos_space", torch::zeros({1, sizes.places, dim}));
  if (spec.standardise == Standardise::batchnorm) {
    standard_ =
        register_module("standard", std::make_shared<BatchNorm>(dim_in));
  } else {
    mean_ = register_buffer("mean", torch::zeros({dim_in}));
    std_ = register_buffer("std", torch::ones({dim_in}));
  }
  if (dim != dim_in) input_ = register_module("input", Linear(dim_in, dim));
  auto list = register_module("graph", torch::nn::ModuleList());
  GraphOptions const options = {.dim = dim,
                                .heads = spec.graph_heads,
                                .grid = sizes.grid,
                                .topk = sizes.topk,
                                .sim_dim = spec.graph_sim_dim,
                                .edges = spec.graph_edges,
                                .form = spec.graph_attention};
  for (int i = 0; i < spec.graph_layers; ++i) {
    graph_.push_back(
        std::make_shared<GraphBlock>(options, spec_at_depth(spec, i)));
    list->push_back(graph_.back());
  }
}

void Stream::set_statistics(at::Tensor const& mean, at::Tensor const& std) {
  GASM_ASSERT(!standard_ && mean.sizes() == mean_.sizes() &&
              std.sizes() == std_.sizes());
  mean_.copy_(mean);
  std_.copy_(std);
}

at::Tensor Stream::standardise(at::Tensor const& x) {
  if (standard_) return standard_->forward(x.flatten(0, 2)).view(x.sizes());
  return (x - mean_) / std_;
}

at::Tensor Stream::to_graphs(at::Tensor const& x) const {
  if (axis_ == GraphAxis::places) return x.flatten(0, 1);
  return x.transpose(1, 2).flatten(0, 1);
}

at::Tensor Stream::from_graphs(at::Tensor const& nodes,
                               std::int64_t batch) const {
  at::Tensor const x = nodes.unflatten(0, {batch, -1});
  return axis_ == GraphAxis::places ? x : x.transpose(1, 2);
}

at::Tensor Stream::forward(at::Tensor const& x, TraceScope const& trace) {
  at::Tensor const standard = standardise(x);
  at::Tensor y = input_ ? input_(standard) : standard;
  y = y + pos_time_ + pos_space_;
  if (graph_.empty()) return y;
  std::optional<EdgeSet> frozen;
  if (edges_ == GraphEdges::frozen) {
    at::NoGradGuard const no_grad;
    frozen = graph_[0]->choose(cosine_similarity(to_graphs(standard)));
  }
  at::Tensor nodes = to_graphs(y);
  for (std::size_t i = 0; i < graph_.size(); ++i) {
    TraceScope const scope = trace.below("graph." + std::to_string(i));
    // The second pass would write a trace that may be gone by then.
    nodes = run_block(
        scope.is_on() ? Activations::kept : activations_, *graph_[i],
        [&block = *graph_[i], scope, frozen](at::Tensor const& in) {
          return block.forward(in, scope, frozen ? &*frozen : nullptr);
        },
        nodes);
  }
  return from_graphs(nodes, x.size(0));
}

}  // namespace gasm
