// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "gasm/config/cast_config.hpp"
#include "gasm/models/gasm_cast.hpp"
#include "gasm/models/i3d_resnet.hpp"
#include "gasm/models/recogniser.hpp"
#include "gasm/models/timesformer.hpp"
#include "gasm/models/vit.hpp"

namespace gasm {

/// Multiply-accumulates of matrix products and convolutions (what papers
/// call FLOPs); norms, activations and softmax are not counted.
/// Of one image, or one clip of `num_frames` for a model with tubelets.
double vit_macs(VitOptions const& options, std::int64_t height_px,
                std::int64_t width_px, std::int64_t num_frames = 1);
double i3d_macs(I3dOptions const& options, Size3 const& clip);  ///< one clip
double timesformer_macs(TimesformerOptions const& options,
                        Size3 const& clip);  ///< one clip
double fusion_macs(FusionSpec const& spec);  ///< one clip
/// Of adapters, cross-attention and head, without the two transformers.
double cast_macs(CastConfig const& config, std::int64_t num_frames,
                 std::int64_t num_classes);  ///< one clip

/// The parts of a model, and their total. A backbone that is not built,
/// because its features are read, counts with its parameters, which are
/// frozen, and no work.
std::vector<PartSummary> describe(Recogniser& model);

/// One line a part: "gasm_cast  14,350,000 parameters (14,350,000
/// trainable), 1.23 GMAC a clip". And which share of the parameters is frozen,
/// against what the design aims at: at least 85 %, and fewer than 20 million
/// that learn.
std::string summary_text(std::vector<PartSummary> const& parts);

enum class WeightDecay { off, on };
/// fusion: what joins backbones, and every head.
enum class ModelPart {
  semantic_backbone,
  motion_backbone,
  fusion,
  timesformer,
  clip,
  videomae
};

/// How the optimiser treats one parameter.
struct ParameterInfo {
  std::string name;
  at::Tensor parameter;
  WeightDecay decay = WeightDecay::off;
  ModelPart part = ModelPart::fusion;  ///< backbones may learn more slowly
};

/// The parameters that take a gradient, in registration order (the same on
/// every rank). Decay is on for the weights of linear layers and
/// convolutions, that is: at least two dimensions and a name that ends in
/// ".weight". It is off for biases, norms, LayerScale and similarity gains,
/// CLS and register tokens, position embeddings, bias tables and pos_gain.
std::vector<ParameterInfo> parameter_groups(torch::nn::Module const& model);

}  // namespace gasm
