// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/stream.hpp"

#include <string>

#include "gasm/base/error.hpp"
#include "gasm/config/fusion_spec.hpp"

namespace gasm {

Stream::Stream(Sizes const& sizes, FusionSpec const& spec) : axis_(sizes.axis) {
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
  if (dim != dim_in)
    input_ = register_module("input", torch::nn::Linear(dim_in, dim));
  auto list = register_module("graph", torch::nn::ModuleList());
  for (int i = 0; i < spec.graph_layers; ++i) {
    graph_.push_back(
        std::make_shared<GraphBlock>(dim, spec, sizes.grid, sizes.topk));
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

at::Tensor Stream::forward(at::Tensor const& x, TraceScope const& trace) {
  at::Tensor y = standardise(x);
  if (input_) y = input_(y);
  y = y + pos_time_ + pos_space_;
  std::int64_t const b = y.size(0), t = y.size(1), l = y.size(2), d = y.size(3);
  auto const run = [&](std::size_t i, at::Tensor const& nodes) {
    TraceScope const scope = trace.below("graph." + std::to_string(i));
    // The second pass would write a trace that may be gone by then.
    auto const activations = scope ? Activations::kept : activations_;
    return run_block(
        activations, *graph_[i],
        [&block = *graph_[i], scope](at::Tensor const& in) {
          return block.forward(in, scope);
        },
        nodes);
  };
  for (std::size_t i = 0; i < graph_.size(); ++i) {
    if (axis_ == GraphAxis::time) {
      at::Tensor const nodes = y.transpose(1, 2).reshape({b * l, t, d});
      y = run(i, nodes).view({b, l, t, d}).transpose(1, 2);
    } else {
      at::Tensor const nodes = y.reshape({b * t, l, d});
      y = run(i, nodes).view({b, t, l, d});
    }
  }
  return y;
}

}  // namespace gasm
