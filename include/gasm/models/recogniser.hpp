// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gasm/config/model_config.hpp"
#include "gasm/models/recompute.hpp"
#include "gasm/models/trace.hpp"

namespace gasm {

/// What the fusion model reads; a stream that is not built is undefined.
struct StreamFeatures {
  at::Tensor semantic;  ///< [B, S, N, Ds]
  at::Tensor motion;    ///< [B, M, P, Dm]
};

/// Whether a model has its backbones, or is fed what they made.
enum class Backbones { built, absent };

/// Sizes of one part of a model.
struct PartSummary {
  std::string name;
  std::int64_t parameters = 0;
  std::int64_t trainable = 0;
  double macs = 0.0;  ///< of one clip, forward
};

/// That of `module`, whose forward takes `macs` multiply-accumulates.
PartSummary summarise(std::string name, torch::nn::Module const& module,
                      double macs);

/// What is trained and measured: clips in, scores of classes out. Whoever
/// trains, evaluates or saves needs no more than this and the names of
/// parameters; model.kind decides which one it is.
class Recogniser : public torch::nn::Module {
 public:
  /// clips u8 [B, T, 3, H, W], RGB -> logits fp32 [B, K]. A trace is filled
  /// by models that have one to give. Throws an Error with both shapes for
  /// clips of another size than the model's.
  virtual at::Tensor forward(at::Tensor const& clips,
                             Trace* trace = nullptr) = 0;

  /// The same from what the backbones made of the clips. Throws an Error
  /// where no features are kept between backbones and head.
  virtual at::Tensor fuse(StreamFeatures const& features,
                          Trace* trace = nullptr);

  /// Whether the inside of its blocks is kept for the backward pass.
  virtual void set_activations(Activations activations) = 0;

  /// Its parts, without their sum.
  virtual std::vector<PartSummary> parts() = 0;
};

/// Of model.kind, with parameters that torch's generator draws.
std::shared_ptr<Recogniser> build_recogniser(
    ModelConfig const& config, std::int64_t clip_frames,
    std::int64_t num_classes, Backbones backbones = Backbones::built);

/// build_recogniser with parameters that are a function of `seed` alone, the
/// same on every rank. Reseeds torch's default generators. Pretrained weights
/// are the caller's to load.
std::shared_ptr<Recogniser> make_recogniser(
    ModelConfig const& config, std::int64_t clip_frames,
    std::int64_t num_classes, std::uint64_t seed,
    Backbones backbones = Backbones::built);

}  // namespace gasm
