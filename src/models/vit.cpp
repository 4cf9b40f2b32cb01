// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/vit.hpp"

#include <cmath>
#include <numbers>
#include <string>

#include "gasm/base/error.hpp"
#include "gasm/models/layers.hpp"
#include "gasm/models/named_tensors.hpp"

namespace gasm {
namespace {

torch::nn::Linear make_linear(std::int64_t in, std::int64_t out, bool bias) {
  torch::nn::Linear linear(torch::nn::LinearOptions(in, out).bias(bias));
  torch::nn::init::normal_(linear->weight, 0.0, 0.02);
  if (bias) torch::nn::init::zeros_(linear->bias);
  return linear;
}

class VitAttention : public torch::nn::Module {
 public:
  explicit VitAttention(VitOptions const& options) : heads_(options.heads) {
    std::int64_t const d = options.width;
    q_ = register_module("q_proj", make_linear(d, d, true));
    k_ = register_module("k_proj", make_linear(d, d, false));
    v_ = register_module("v_proj", make_linear(d, d, true));
    o_ = register_module("o_proj", make_linear(d, d, true));
  }

  at::Tensor forward(at::Tensor const& x, RopeTable const& rope) {
    at::Tensor const q = rotate_patches(split_heads(q_(x), heads_), rope);
    at::Tensor const k = rotate_patches(split_heads(k_(x), heads_), rope);
    at::Tensor const v = split_heads(v_(x), heads_);
    return o_(join_heads(at::scaled_dot_product_attention(q, k, v)));
  }

 private:
  std::int64_t heads_;
  torch::nn::Linear q_{nullptr}, k_{nullptr}, v_{nullptr}, o_{nullptr};
};

class VitMlp : public torch::nn::Module {
 public:
  explicit VitMlp(VitOptions const& options) {
    std::int64_t const d = options.width, hidden = options.ffn_width;
    if (options.ffn == FfnKind::swiglu)
      gate_ = register_module("gate_proj", make_linear(d, hidden, true));
    up_ = register_module("up_proj", make_linear(d, hidden, true));
    down_ = register_module("down_proj", make_linear(hidden, d, true));
  }

  at::Tensor forward(at::Tensor const& x) {
    return down_(gate_ ? at::silu(gate_(x)) * up_(x) : at::gelu(up_(x)));
  }

 private:
  torch::nn::Linear gate_{nullptr}, up_{nullptr}, down_{nullptr};
};

class LayerScale : public torch::nn::Module {
 public:
  LayerScale(std::int64_t width, double start) {
    gain_ = register_parameter("lambda1", torch::full({width}, start));
  }
  at::Tensor forward(at::Tensor const& x) { return x * gain_; }

 private:
  at::Tensor gain_;
};

}  // namespace

class VitBlock : public torch::nn::Module {
 public:
  explicit VitBlock(VitOptions const& options) {
    auto const norm = [&] {
      return make_layer_norm(options.width, options.norm_eps);
    };
    auto const scale = [&](char const* name) {
      return options.layer_scale
                 ? register_module(
                       name, std::make_shared<LayerScale>(options.width,
                                                          *options.layer_scale))
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

  at::Tensor forward(at::Tensor const& x, RopeTable const& rope) {
    at::Tensor const mixed = attention_->forward(norm1_(x), rope);
    at::Tensor const y = x + (scale1_ ? scale1_->forward(mixed) : mixed);
    at::Tensor const fed = mlp_->forward(norm2_(y));
    return y + (scale2_ ? scale2_->forward(fed) : fed);
  }

 private:
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr};
  std::shared_ptr<VitAttention> attention_;
  std::shared_ptr<VitMlp> mlp_;
  std::shared_ptr<LayerScale> scale1_, scale2_;
};

VitOptions vit_options(SemanticConfig const& config) {
  SemanticConfig const sized = with_preset_sizes(config);
  VitOptions options;
  options.width = sized.width;
  options.depth = sized.depth;
  options.heads = sized.heads;
  options.ffn = sized.ffn;
  options.ffn_width = sized.ffn_hidden;
  options.patch_px = sized.patch;
  options.registers = sized.registers;
  options.rope_periods = sized.rope_periods;
  options.layer_scale = sized.layer_scale;
  return options;
}

Vit::Vit(VitOptions const& options) : options_(options) {
  std::int64_t const d = options.width, p = options.patch_px;
  if (options.heads < 1 || d % options.heads != 0 ||
      (d / options.heads) % 4 != 0)
    throw usage_error(
        "a vision transformer of width {} cannot have {} heads (a head's "
        "width must be a whole multiple of 4). Try another "
        "model.semantic.heads",
        d, options.heads);
  auto embeddings = std::make_shared<torch::nn::Module>();
  cls_token_ = embeddings->register_parameter("cls_token",
                                              1e-6 * torch::randn({1, 1, d}));
  register_tokens_ = embeddings->register_parameter(
      "register_tokens", 0.02 * torch::randn({1, options.registers, d}));
  patch_embeddings_ = embeddings->register_module(
      "patch_embeddings",
      torch::nn::Conv2d(torch::nn::Conv2dOptions(3, d, p).stride(p)));
  register_module("embeddings", embeddings);
  auto layers = register_module("layer", torch::nn::ModuleList());
  for (std::int64_t i = 0; i < options.depth; ++i) {
    layers_.push_back(std::make_shared<VitBlock>(options));
    layers->push_back(layers_.back());
  }
  norm_ = register_module("norm", make_layer_norm(d, options.norm_eps));
}

VitTokens Vit::forward(at::Tensor const& images) {
  std::int64_t const p = options_.patch_px;
  if (images.dim() != 4 || images.size(1) != 3 || images.size(2) < p ||
      images.size(3) < p)
    throw error(
        "images of shape {} for a vision transformer that needs [B, 3, "
        "H, W] with H and W at least {}",
        shape_text(images), p);
  std::int64_t const batch = images.size(0), registers = options_.registers;
  at::Tensor const map = patch_embeddings_(images);
  RopeTable rope = make_rope_table(options_, map.size(2), map.size(3));
  rope = {rope.cos.to(map.options()), rope.sin.to(map.options())};
  at::Tensor x = at::cat({cls_token_.expand({batch, -1, -1}),
                          register_tokens_.expand({batch, -1, -1}),
                          map.flatten(2).transpose(1, 2)},
                         1);
  for (auto const& layer : layers_) x = layer->forward(x, rope);
  x = norm_(x);
  return {x.select(1, 0), x.narrow(1, 1, registers),
          x.narrow(1, 1 + registers, x.size(1) - 1 - registers)};
}

RopeTable make_rope_table(VitOptions const& options, std::int64_t rows,
                          std::int64_t columns) {
  double const head_dim =
      static_cast<double>(options.width) / static_cast<double>(options.heads);
  at::Tensor frequency =
      1.0 / at::pow(options.rope_base,
                    at::arange(0.0, 1.0, 4.0 / head_dim, at::kFloat));
  if (options.rope_periods == RopePeriods::checkpoint_bf16)
    frequency = 1.0 / (1.0 / frequency).to(at::kBFloat16).to(at::kFloat);
  auto const centres = [](std::int64_t n) {
    auto const size = static_cast<double>(n);
    return 2.0 * (at::arange(0.5, size, at::kFloat) / size) - 1.0;
  };
  at::Tensor const y = centres(rows).view({rows, 1}).expand({rows, columns});
  at::Tensor const x = centres(columns).expand({rows, columns});
  at::Tensor const centre = at::stack({y, x}, -1).flatten(0, 1);
  at::Tensor const angle =
      (2.0 * std::numbers::pi * centre.unsqueeze(-1) * frequency)
          .flatten(1, 2)
          .tile({1, 2});
  return {angle.cos(), angle.sin()};
}

at::Tensor rotate_patches(at::Tensor const& x, RopeTable const& table) {
  std::int64_t const patches = table.cos.size(0);
  std::int64_t const prefix = x.size(2) - patches;
  at::Tensor const turned = x.narrow(2, prefix, patches);
  auto const halves = turned.chunk(2, -1);
  at::Tensor const rotated =
      turned * table.cos + at::cat({-halves[1], halves[0]}, -1) * table.sin;
  return at::cat({x.narrow(2, 0, prefix), rotated}, 2);
}

}  // namespace gasm
