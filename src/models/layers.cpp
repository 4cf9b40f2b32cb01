// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/layers.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace gasm {

at::Tensor drop_path(at::Tensor const& x, double probability, bool training) {
  if (!training || probability == 0.0) return x;
  double const keep = 1.0 - probability;
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[0] = x.size(0);
  at::Tensor const mask = at::empty(shape, x.options()).bernoulli_(keep);
  return x * mask / keep;
}

at::Tensor split_heads(at::Tensor const& x, std::int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, x.size(2) / heads})
      .transpose(1, 2);
}

at::Tensor join_heads(at::Tensor const& x) {
  return x.transpose(1, 2).reshape(
      {x.size(0), x.size(2), x.size(1) * x.size(3)});
}

Ffn::Ffn(std::int64_t dim, double ratio, double dropout) : dropout_(dropout) {
  auto const rounded = static_cast<std::int64_t>(
      std::nearbyint(static_cast<double>(dim) * ratio));
  std::int64_t const hidden = std::max<std::int64_t>(1, rounded);
  fc1_ = register_module("fc1", Linear(dim, hidden));
  fc2_ = register_module("fc2", Linear(hidden, dim));
}

at::Tensor Ffn::forward(at::Tensor const& x) {
  at::Tensor const hidden = at::gelu(fc1_(x));
  return fc2_(at::dropout(hidden, dropout_, is_training()));
}

torch::nn::LayerNorm make_layer_norm(std::int64_t dim, double eps) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({dim}).eps(eps));
}

at::Tensor register_constant(torch::nn::Module& module, char const* name,
                             at::Tensor value) {
  // A module cannot mark a buffer as not part of its state, so the name does.
  return module.register_buffer(std::string("~") + name, std::move(value));
}

}  // namespace gasm
