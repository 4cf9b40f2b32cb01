// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/vit_block.hpp"

#include "cast_once.hpp"
#include "gasm/models/attend.hpp"
#include "gasm/models/layers.hpp"
#include "gasm/models/linear.hpp"

namespace gasm {
namespace {

Linear make_linear(std::int64_t in, std::int64_t out, bool bias) {
  Linear linear(torch::nn::LinearOptions(in, out).bias(bias));
  torch::nn::init::normal_(linear->weight, 0.0, 0.02);
  if (bias) torch::nn::init::zeros_(linear->bias);
  return linear;
}

}  // namespace

class VitAttention : public torch::nn::Module {
 public:
  explicit VitAttention(VitOptions const& options) : heads_(options.heads) {
    std::int64_t const d = options.width;
    q_ = register_module("q_proj", make_linear(d, d, true));
    k_ = register_module("k_proj", make_linear(d, d, options.has_key_bias));
    v_ = register_module("v_proj", make_linear(d, d, true));
    o_ = register_module("o_proj", make_linear(d, d, true));
  }

  at::Tensor forward(at::Tensor const& tokens, RopeTable const& rope) {
    at::Tensor const x = cast_once(tokens);
    at::Tensor const q = rotate_patches(split_heads(q_(x), heads_), rope);
    at::Tensor const k = rotate_patches(split_heads(k_(x), heads_), rope);
    at::Tensor const v = split_heads(v_(x), heads_);
    return o_(join_heads(attend(q, k, v)));
  }

 private:
  std::int64_t heads_;
  Linear q_{nullptr}, k_{nullptr}, v_{nullptr}, o_{nullptr};
};

class VitMlp : public torch::nn::Module {
 public:
  explicit VitMlp(VitOptions const& options) : activation_(options.activation) {
    std::int64_t const d = options.width, hidden = options.ffn_width;
    if (options.ffn == FfnKind::swiglu)
      gate_ = register_module("gate_proj", make_linear(d, hidden, true));
    up_ = register_module("up_proj", make_linear(d, hidden, true));
    down_ = register_module("down_proj", make_linear(hidden, d, true));
  }

  at::Tensor forward(at::Tensor const& x) {
    if (gate_) {
      at::Tensor const seen = cast_once(x);
      return down_(at::silu(gate_(seen)) * up_(seen));
    }
    at::Tensor const hidden = up_(x);
    return down_(activation_ == VitActivation::gelu
                     ? at::gelu(hidden)
                     : hidden * at::sigmoid(1.702 * hidden));
  }

 private:
  VitActivation activation_;
  Linear gate_{nullptr}, up_{nullptr}, down_{nullptr};
};

class LayerScale : public torch::nn::Module {
 public:
  LayerScale(std::int64_t width, double start) {
    gain_ = register_parameter("lambda1", torch::full({width}, start));
  }
  at::Tensor forward(at::Tensor const& x) { return x * gain_; }
  /// x + branch * gain.
  at::Tensor add(at::Tensor const& x, at::Tensor const& branch) {
    return at::addcmul(x, branch, gain_);
  }

 private:
  at::Tensor gain_;
};

VitBlock::VitBlock(VitOptions const& options) {
  auto const norm = [&] {
    return make_layer_norm(options.width, options.norm_eps);
  };
  auto const scale = [&](char const* name) {
    return options.layer_scale
               ? register_module(name, std::make_shared<LayerScale>(
                                           options.width, *options.layer_scale))
               : nullptr;
  };
  norm1_ = register_module("norm1", norm());
  attention_ =
      register_module("attention", std::make_shared<VitAttention>(options));
  scale1_ = scale("layer_scale1");
  norm2_ = register_module("norm2", norm());
  mlp_ = register_module("mlp", std::make_shared<VitMlp>(options));
  scale2_ = scale("layer_scale2");
}

at::Tensor VitBlock::attend(at::Tensor const& x, RopeTable const& rope) {
  at::Tensor const mixed = attention_->forward(norm1_(x), rope);
  return scale1_ ? scale1_->forward(mixed) : mixed;
}

at::Tensor VitBlock::norm_for_mlp(at::Tensor const& x) { return norm2_(x); }

at::Tensor VitBlock::feed(at::Tensor const& normed) {
  at::Tensor const fed = mlp_->forward(normed);
  return scale2_ ? scale2_->forward(fed) : fed;
}

at::Tensor VitBlock::forward(at::Tensor const& x, RopeTable const& rope) {
  auto const add = [](auto const& scale, at::Tensor const& to,
                      at::Tensor const& branch) {
    return scale ? scale->add(to, branch) : to + branch;
  };
  at::Tensor const y = add(scale1_, x, attention_->forward(norm1_(x), rope));
  return add(scale2_, y, mlp_->forward(norm2_(y)));
}

}  // namespace gasm
