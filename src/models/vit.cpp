// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/vit.hpp"

#include "gasm/base/error.hpp"
#include "gasm/models/layers.hpp"
#include "gasm/models/named_tensors.hpp"
#include "gasm/models/vit_block.hpp"
#include "gasm/models/vit_positions.hpp"

namespace gasm {
namespace {

void check_heads(VitOptions const& options) {
  std::int64_t const d = options.width, heads = options.heads;
  std::int64_t const unit = options.positions == VitPositions::rope ? 4 : 1;
  bool const fits = heads >= 1 && d % heads == 0 && (d / heads) % unit == 0;
  if (!fits || (options.positions == VitPositions::rope_3d && d / heads < 6))
    throw usage_error(
        "a vision transformer of width {} cannot have {} heads (a head's "
        "width must be a whole {}). Try another number of heads",
        d, heads,
        unit == 4 ? "multiple of 4" : "number, and at least 6 for rotary time");
}

}  // namespace

Vit::Vit(VitOptions const& options) : options_(options) {
  check_heads(options);
  std::int64_t const d = options.width, p = options.patch_px;
  auto embeddings = std::make_shared<torch::nn::Module>();
  if (options.has_cls)
    cls_token_ = embeddings->register_parameter("cls_token",
                                                1e-6 * torch::randn({1, 1, d}));
  if (options.registers > 0)
    register_tokens_ = embeddings->register_parameter(
        "register_tokens", 0.02 * torch::randn({1, options.registers, d}));
  if (options.tubelet > 0) {
    clip_patches_ = embeddings->register_module(
        "patch_embeddings",
        torch::nn::Conv3d(
            torch::nn::Conv3dOptions(3, d, {options.tubelet, p, p})
                .stride({options.tubelet, p, p})
                .bias(options.has_patch_bias)));
  } else {
    image_patches_ = embeddings->register_module(
        "patch_embeddings",
        torch::nn::Conv2d(torch::nn::Conv2dOptions(3, d, p).stride(p).bias(
            options.has_patch_bias)));
  }
  if (options.positions == VitPositions::learned) {
    auto const [rows, columns] = options.learned_grid;
    position_embeddings_ = embeddings->register_parameter(
        "position_embeddings", 0.02 * torch::randn({1, 1 + rows * columns, d}));
  }
  register_module("embeddings", embeddings);
  if (options.has_input_norm)
    input_norm_ =
        register_module("input_norm", make_layer_norm(d, options.norm_eps));
  auto layers = register_module("layer", torch::nn::ModuleList());
  for (std::int64_t i = 0; i < options.depth; ++i) {
    layers_.push_back(std::make_shared<VitBlock>(options));
    layers->push_back(layers_.back());
  }
  if (options.final_norm != VitFinalNorm::none)
    norm_ = register_module("norm", make_layer_norm(d, options.norm_eps));
}

at::Tensor Vit::patch_map(at::Tensor const& pixels) {
  std::int64_t const p = options_.patch_px, t = options_.tubelet;
  std::int64_t const dim = t > 0 ? 5 : 4;
  if (pixels.dim() != dim || pixels.size(1) != 3 || pixels.size(dim - 2) < p ||
      pixels.size(dim - 1) < p || (t > 0 && pixels.size(2) < t))
    throw error(
        "{} of shape {} for a vision transformer that needs {}, H and W at "
        "least {}{}",
        t > 0 ? "clips" : "images", shape_text(pixels),
        t > 0 ? "[B, 3, T, H, W]" : "[B, 3, H, W]", p,
        t > 0 ? fmt::format(", T at least {}", t) : "");
  if (t > 0) return clip_patches_(pixels);
  return image_patches_(pixels).unsqueeze(2);
}

RopeTable const& Vit::rope_of(PatchGrid const& grid, at::Device device) {
  bool const is_there =
      rope_.cos.defined() && rope_grid_ == grid && rope_.cos.device() == device;
  if (is_there || options_.positions == VitPositions::learned) return rope_;
  rope_ = make_rope_table(options_, grid);
  rope_grid_ = grid;
  if (rope_.cos.defined()) {
    // fp32, whatever the pass computes in: 16 bit are too few for angles.
    rope_.cos = rope_.cos.to(device);
    rope_.sin = rope_.sin.to(device);
  }
  return rope_;
}

at::Tensor const& Vit::sinusoid_of(std::int64_t num_tokens, at::Device device) {
  if (!sinusoid_.defined() || sinusoid_.size(1) != num_tokens ||
      sinusoid_.device() != device)
    sinusoid_ = sinusoid_positions(num_tokens, options_.width).to(device);
  return sinusoid_;
}

at::Tensor Vit::embed(at::Tensor const& map) {
  std::int64_t const batch = map.size(0);
  at::Tensor x = map.flatten(2).transpose(1, 2);
  if (options_.positions == VitPositions::sinusoid)
    x = x + sinusoid_of(x.size(1), x.device()).to(x.scalar_type());
  if (options_.has_cls) x = at::cat({cls_token_.expand({batch, -1, -1}), x}, 1);
  if (options_.positions == VitPositions::learned)
    x = x + resize_positions(position_embeddings_, options_.learned_grid,
                             {map.size(3), map.size(4)}, options_.rules.resize);
  if (options_.registers > 0) {
    std::int64_t const cls = options_.has_cls ? 1 : 0;
    x = at::cat({x.narrow(1, 0, cls), register_tokens_.expand({batch, -1, -1}),
                 x.narrow(1, cls, x.size(1) - cls)},
                1);
  }
  return input_norm_ ? input_norm_(x) : x;
}

at::Tensor Vit::first_tokens(at::Tensor const& pixels) {
  return embed(patch_map(pixels));
}

VitTokens Vit::forward(at::Tensor const& pixels) {
  at::Tensor const map = patch_map(pixels);
  RopeTable const& rope =
      rope_of({map.size(2), map.size(3), map.size(4)}, pixels.device());
  at::Tensor x = embed(map);
  for (auto const& layer : layers_)
    x = run_block(
        activations_, *layer,
        [&layer = *layer, rope](at::Tensor const& tokens) {
          return layer.forward(tokens, rope);
        },
        x);
  if (options_.final_norm == VitFinalNorm::all) x = norm_(x);
  std::int64_t const cls = options_.has_cls ? 1 : 0;
  std::int64_t const first = cls + options_.registers;
  VitTokens tokens;
  if (options_.has_cls) {
    tokens.cls = x.select(1, 0);
    if (options_.final_norm == VitFinalNorm::cls)
      tokens.cls = norm_(tokens.cls);
  }
  tokens.registers = x.narrow(1, cls, options_.registers);
  tokens.patches = x.narrow(1, first, x.size(1) - first);
  return tokens;
}

}  // namespace gasm
