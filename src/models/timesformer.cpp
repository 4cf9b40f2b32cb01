// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/timesformer.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "gasm/base/error.hpp"
#include "gasm/models/attend.hpp"
#include "gasm/models/layers.hpp"

namespace gasm {
namespace {

constexpr char kPositions[] = "embeddings.position_embeddings";
constexpr char kTimes[] = "embeddings.time_embeddings";

struct Grid {
  std::int64_t rows, columns;
  std::int64_t size() const { return rows * columns; }
  bool operator==(Grid const&) const = default;
};

Grid stored_grid(TimesformerOptions const& options) {
  return {options.image_height_px / options.patch_px,
          options.image_width_px / options.patch_px};
}

/// [1, 1 + from, D] -> [1, 1 + to, D]; the first row, of CLS, stays.
at::Tensor resize_positions(at::Tensor const& stored, Grid const& from,
                            Grid const& to) {
  if (from == to) return stored;
  std::int64_t const width = stored.size(2);
  at::Tensor const map = stored.narrow(1, 1, from.size())
                             .transpose(1, 2)
                             .reshape({1, width, from.rows, from.columns});
  // PyTorch's own operator, because it rounds i * stored / wanted in single
  // precision and so decides which neighbour is the nearest.
  at::Tensor const resized =
      at::upsample_nearest2d(map, at::IntArrayRef{to.rows, to.columns});
  return at::cat({stored.narrow(1, 0, 1), resized.flatten(2).transpose(1, 2)},
                 1);
}

/// [1, from, D] -> [1, to, D].
at::Tensor resize_times(at::Tensor const& stored, std::int64_t to) {
  if (stored.size(1) == to) return stored;
  return at::upsample_nearest1d(stored.transpose(1, 2), at::IntArrayRef{to})
      .transpose(1, 2);
}

Linear make_linear(std::int64_t in, std::int64_t out) {
  Linear linear(in, out);
  // Published as a normal cut at +-2, which is 100 standard deviations away.
  torch::nn::init::normal_(linear->weight, 0.0, 0.02);
  torch::nn::init::zeros_(linear->bias);
  return linear;
}

/// A module between, which published names have and nothing else needs.
std::shared_ptr<torch::nn::Module> add_level(torch::nn::Module& module,
                                             char const* name) {
  return module.register_module(name, std::make_shared<torch::nn::Module>());
}

class TimesformerAttention : public torch::nn::Module {
 public:
  explicit TimesformerAttention(TimesformerOptions const& options)
      : heads_(options.heads) {
    std::int64_t const d = options.width;
    qkv_ = add_level(*this, "attention")
               ->register_module("qkv", make_linear(d, 3 * d));
    dense_ =
        add_level(*this, "output")->register_module("dense", make_linear(d, d));
  }

  /// x [A, T, D], attended over T.
  at::Tensor forward(at::Tensor const& x) {
    auto const parts =
        qkv_(x)
            .view({x.size(0), x.size(1), 3, heads_, x.size(2) / heads_})
            .permute({2, 0, 3, 1, 4})
            .unbind(0);
    return dense_(join_heads(attend(parts[0], parts[1], parts[2])));
  }

 private:
  std::int64_t heads_;
  Linear qkv_{nullptr}, dense_{nullptr};
};

void check_options(TimesformerOptions const& o) {
  for (std::int64_t const size :
       {o.width, o.depth, o.heads, o.ffn_width, o.patch_px, o.num_frames})
    if (size < 1)
      throw usage_error(
          "a TimeSformer of width {}, depth {}, {} heads, MLP width {}, "
          "patches of {} px and {} frames (each must be at least 1)",
          o.width, o.depth, o.heads, o.ffn_width, o.patch_px, o.num_frames);
  if (o.width % o.heads != 0)
    throw usage_error(
        "a TimeSformer of width {} cannot have {} heads (they must divide "
        "the width). Try another number of heads",
        o.width, o.heads);
  if (stored_grid(o).rows < 1 || stored_grid(o).columns < 1)
    throw usage_error(
        "a TimeSformer for images of {} x {} px has no patch of {} px. Try "
        "larger images",
        o.image_height_px, o.image_width_px, o.patch_px);
}

}  // namespace

TimesformerOptions timesformer_options(BackboneConfig const& config) {
  TimesformerOptions options;
  options.width = *config.dim;
  options.depth = *config.depth;
  options.heads = *config.heads;
  options.ffn_width = *config.hidden;
  options.patch_px = *config.patch;
  if (config.num_classes) options.num_classes = *config.num_classes;
  return options;
}

class TimesformerBlock : public torch::nn::Module {
 public:
  TimesformerBlock(TimesformerOptions const& options, double drop)
      : drop_(drop) {
    std::int64_t const d = options.width;
    auto const norm = [&](char const* name) {
      return register_module(name, make_layer_norm(d, options.norm_eps));
    };
    attention_ = register_module(
        "attention", std::make_shared<TimesformerAttention>(options));
    up_ = add_level(*this, "intermediate")
              ->register_module("dense", make_linear(d, options.ffn_width));
    down_ = add_level(*this, "output")
                ->register_module("dense", make_linear(options.ffn_width, d));
    space_norm_ = norm("layernorm_before");
    ffn_norm_ = norm("layernorm_after");
    time_norm_ = norm("temporal_layernorm");
    temporal_attention_ = register_module(
        "temporal_attention", std::make_shared<TimesformerAttention>(options));
    temporal_dense_ = register_module("temporal_dense", make_linear(d, d));
    torch::nn::init::zeros_(temporal_dense_->weight);
  }

  /// x [B, 1 + N * frames, D]: CLS, then patch by patch its frames.
  at::Tensor forward(at::Tensor const& x, std::int64_t frames) {
    std::int64_t const tokens = x.size(1) - 1;
    at::Tensor const cls = x.narrow(1, 0, 1);
    at::Tensor const patches = x.narrow(1, 1, tokens);
    at::Tensor const y =
        attend_space(cls, patches + attend_time(patches, frames), frames);
    return y + branch(down_(at::gelu(up_(ffn_norm_(y)))));
  }

 private:
  at::Tensor branch(at::Tensor const& value) {
    return drop_path(value, drop_, is_training());
  }

  at::Tensor attend_time(at::Tensor const& patches, std::int64_t frames) {
    at::Tensor const tracks = patches.reshape({-1, frames, patches.size(2)});
    // Drops positions, not clips, and before temporal_dense: as published.
    at::Tensor const mixed =
        branch(temporal_attention_->forward(time_norm_(tracks)));
    return temporal_dense_(mixed).view(patches.sizes());
  }

  at::Tensor attend_space(at::Tensor const& cls, at::Tensor const& patches,
                          std::int64_t frames) {
    std::int64_t const batch = patches.size(0), d = patches.size(2);
    std::int64_t const places = patches.size(1) / frames;
    at::Tensor const images =
        at::cat({cls.unsqueeze(1).expand({-1, frames, -1, -1}),
                 patches.view({batch, places, frames, d}).transpose(1, 2)},
                2)
            .flatten(0, 1);
    at::Tensor const mixed = branch(attention_->forward(space_norm_(images)))
                                 .view({batch, frames, 1 + places, d});
    at::Tensor const to_patches =
        mixed.narrow(2, 1, places).transpose(1, 2).reshape(patches.sizes());
    return at::cat({cls + mixed.select(2, 0).mean(1, /*keepdim=*/true),
                    patches + to_patches},
                   1);
  }

  double drop_;
  std::shared_ptr<TimesformerAttention> attention_, temporal_attention_;
  Linear up_{nullptr}, down_{nullptr}, temporal_dense_{nullptr};
  torch::nn::LayerNorm space_norm_{nullptr}, ffn_norm_{nullptr},
      time_norm_{nullptr};
};

Timesformer::Timesformer(TimesformerOptions const& options)
    : options_(options) {
  check_options(options);
  std::int64_t const d = options.width, p = options.patch_px;
  auto const embeddings = add_level(*this, "embeddings");
  cls_token_ = embeddings->register_parameter("cls_token",
                                              0.02 * torch::randn({1, 1, d}));
  positions_ = embeddings->register_parameter(
      "position_embeddings",
      0.02 * torch::randn({1, 1 + stored_grid(options).size(), d}));
  times_ = embeddings->register_parameter(
      "time_embeddings", torch::zeros({1, options.num_frames, d}));
  projection_ =
      add_level(*embeddings, "patch_embeddings")
          ->register_module(
              "projection",
              torch::nn::Conv2d(torch::nn::Conv2dOptions(3, d, p).stride(p)));
  auto const layers = add_level(*this, "encoder")
                          ->register_module("layer", torch::nn::ModuleList());
  double const steps = std::max(1.0, static_cast<double>(options.depth - 1));
  for (std::int64_t i = 0; i < options.depth; ++i) {
    double const drop = options.drop_path * static_cast<double>(i) / steps;
    layers_.push_back(std::make_shared<TimesformerBlock>(options, drop));
    layers->push_back(layers_.back());
  }
  norm_ = register_module("layernorm", make_layer_norm(d, options.norm_eps));
  if (options.num_classes > 0)
    classifier_ =
        register_module("classifier", make_linear(d, options.num_classes));
}

at::Tensor Timesformer::embed(at::Tensor const& clips) {
  std::int64_t const batch = clips.size(0), frames = clips.size(2);
  at::Tensor const map = projection_(clips.transpose(1, 2).flatten(0, 1));
  Grid const grid = {map.size(2), map.size(3)};
  at::Tensor const patches = map.flatten(2)
                                 .view({batch, frames, -1, grid.size()})
                                 .permute({0, 3, 1, 2});
  at::Tensor const positions =
      resize_positions(positions_, stored_grid(options_), grid);
  at::Tensor const placed = patches +
                            positions.narrow(1, 1, grid.size()).unsqueeze(2) +
                            resize_times(times_, frames).unsqueeze(1);
  at::Tensor const cls = cls_token_ + positions.narrow(1, 0, 1);
  return at::cat({cls.expand({batch, -1, -1}), placed.flatten(1, 2)}, 1);
}

TimesformerTokens Timesformer::forward(at::Tensor const& clips) {
  std::int64_t const p = options_.patch_px;
  if (clips.dim() != 5 || clips.size(1) != 3 || clips.size(2) < 1 ||
      clips.size(3) < p || clips.size(4) < p)
    throw error(
        "clips of shape {} for a TimeSformer that needs [B, 3, T, H, W] with "
        "T at least 1, H and W at least {}",
        shape_text(clips), p);
  at::Tensor x = embed(clips);
  for (auto const& layer : layers_)
    x = run_block(
        activations_, *layer,
        [&layer = *layer, frames = clips.size(2)](at::Tensor const& tokens) {
          return layer.forward(tokens, frames);
        },
        x);
  x = norm_(x);
  TimesformerTokens tokens;
  tokens.cls = x.select(1, 0);
  tokens.patches = x.narrow(1, 1, x.size(1) - 1);
  if (classifier_) tokens.logits = classifier_(tokens.cls);
  return tokens;
}

TensorMap resize_timesformer_embeddings(TensorMap tensors,
                                        TimesformerOptions const& options) {
  Grid const wanted = stored_grid(options);
  auto const positions = tensors.find(kPositions);
  // What is not an embedding of any size is for strict loading to refuse.
  if (positions != tensors.end() && positions->second.dim() == 3 &&
      positions->second.size(1) > 1 &&
      positions->second.size(1) != 1 + wanted.size()) {
    std::int64_t const stored = positions->second.size(1) - 1;
    auto const side = static_cast<std::int64_t>(
        std::llround(std::sqrt(static_cast<double>(stored))));
    if (side * side != stored)
      throw error(
          "{} has {} patch positions, which are no square and not the {} x {} "
          "of the model, so they cannot be resized. Try the resolution that "
          "the weights were made for",
          kPositions, stored, wanted.rows, wanted.columns);
    positions->second =
        resize_positions(positions->second, {side, side}, wanted);
  }
  auto const times = tensors.find(kTimes);
  if (times != tensors.end() && times->second.dim() == 3 &&
      times->second.size(1) > 0)
    times->second = resize_times(times->second, options.num_frames);
  return tensors;
}

}  // namespace gasm
