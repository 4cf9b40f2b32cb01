// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>

#include "gasm/config/fusion_spec.hpp"
#include "gasm/config/model_config.hpp"
#include "gasm/models/gasm_cast.hpp"
#include "gasm/models/i3d_resnet.hpp"
#include "gasm/models/recogniser.hpp"
#include "gasm/models/trace.hpp"
#include "gasm/models/vit.hpp"

namespace gasm {

/// Parameters of the backbones that a model is not built with.
struct AbsentParameters {
  std::int64_t semantic = 0, motion = 0;
};

/// The recogniser of model.kind: fusion, with its two backbones.
///
/// Submodules, and so the first part of every name: semantic_backbone (Vit),
/// motion_backbone (I3dResNet, or a Vit on clips), gasm_cast (GasmCast, the
/// specification's names below it). The fusion kinds `semantic` and `motion`
/// build only their own backbone. A backbone with `train: none` takes no
/// gradient, and runs in evaluation mode and without autograd whatever train()
/// says; of one with `train: some` autograd sees what learns and what follows.
class VideoModel : public Recogniser {
 public:
  /// Throws an Error that names the key if the configuration does not fit
  /// clips of `clip_frames` frames. Without backbones only fuse() works.
  VideoModel(ModelConfig const& config, std::int64_t clip_frames,
             std::int64_t num_classes, Backbones backbones = Backbones::built);

  /// clips u8 [B, T, 3, H, W], RGB, T = clip_frames, H x W the resolution of
  /// the semantic stream (of both) -> logits fp32 [B, K]. Throws an Error
  /// with both shapes otherwise.
  at::Tensor forward(at::Tensor const& clips, Trace* trace = nullptr) override;

  /// The two halves of forward().
  StreamFeatures extract(at::Tensor const& clips);
  at::Tensor fuse(StreamFeatures const& features,
                  Trace* trace = nullptr) override;

  /// semantic_backbone, motion_backbone (where built), gasm_cast.
  std::vector<PartSummary> parts() override;

  void train(bool on = true) override;

  /// Of every block of the backbones and of the fusion.
  void set_activations(Activations activations) override;

  ModelConfig const& config() const { return config_; }
  FusionSpec const& spec() const { return cast_->spec(); }
  /// Null where not built; of the motion backbone, what its kind is not.
  std::shared_ptr<Vit> semantic_backbone() const { return semantic_; }
  std::shared_ptr<I3dResNet> motion_backbone() const { return motion_; }
  std::shared_ptr<Vit> motion_vit() const { return motion_vit_; }
  bool has_backbones() const { return semantic_ || motion_ || motion_vit_; }
  std::shared_ptr<GasmCast> fusion() const { return cast_; }
  AbsentParameters const& absent() const { return absent_; }

 private:
  at::Tensor semantic_features(at::Tensor const& clips);
  at::Tensor motion_features(at::Tensor const& clips);
  torch::nn::Module& motion_module();

  ModelConfig config_;
  std::int64_t clip_frames_;
  AbsentParameters absent_;
  std::shared_ptr<Vit> semantic_;
  std::shared_ptr<I3dResNet> motion_;
  std::shared_ptr<Vit> motion_vit_;
  std::shared_ptr<GasmCast> cast_;
  at::Tensor semantic_shift_, semantic_scale_, semantic_frames_;
  at::Tensor motion_shift_, motion_scale_;
};

/// A VideoModel with parameters that are a function of `seed` alone, the
/// same on every rank. Reseeds torch's default generators. Pretrained
/// weights are the caller's to load (named_tensors.hpp).
std::shared_ptr<VideoModel> make_video_model(
    ModelConfig const& config, std::int64_t clip_frames,
    std::int64_t num_classes, std::uint64_t seed,
    Backbones backbones = Backbones::built);

/// The fusion model that joins the backbones of a configuration: widths and
/// grids follow from them.
FusionSpec fusion_spec(ModelConfig const& config, std::int64_t clip_frames,
                       std::int64_t num_classes);

}  // namespace gasm
