// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "gasm/config/cast_config.hpp"
#include "gasm/models/linear.hpp"
#include "gasm/models/recogniser.hpp"
#include "gasm/models/vit.hpp"

namespace gasm {

class Adapter;
class CastBlock;
struct CastTokens;

/// The two transformers of a configuration; CLIP also as a backbone alone.
BackboneConfig clip_backbone(CastConfig const& config);
VitOptions clip_options(CastConfig const& config);
VitOptions videomae_options(CastConfig const& config);

/// CAST (Lee et al., "CAST: Cross-Attention in Space and Time for Video Action
/// Recognition", 2023), the recogniser of model.kind: cast.
///
/// CLIP's image tower sees frames 1, 3, 5 .. of a clip, VideoMAE its pairs of
/// frames. A CastBlock adds adapters and cross-attention in each of their
/// pairs of blocks. Then
///   logits = head(dropout(a_s(ln_post(mean over frames of CLS)) +
///                         a_t(fc_norm(mean over tokens)))),
/// where a are adapters without a skip.
///
/// Names: clip.* and videomae.* (Vit), blocks.I.* (CastBlock), fc_norm.*,
/// {spatial,temporal}_adapter.{down,up}.*, head.*. All of clip but its last
/// norm (ln_post) and all of videomae is frozen. New matrices start
/// normal(0, 0.02), biases zero, and zero the second matrices of adapters: the
/// first logits are the head's bias.
class Cast : public Recogniser {
 public:
  /// usage_error if the heads do not divide a width or clip_frames is odd.
  Cast(CastConfig const& config, std::int64_t clip_frames,
       std::int64_t num_classes);

  at::Tensor forward(at::Tensor const& clips, Trace* trace = nullptr) override;
  void set_activations(Activations activations) override {
    activations_ = activations;
  }
  /// clip, videomae, and cast for all that is new.
  std::vector<PartSummary> parts() override;

  Vit& clip() { return *clip_; }
  Vit& videomae() { return *videomae_; }

 private:
  CastTokens run_pair(std::size_t i, CastTokens const& tokens);
  at::Tensor score(at::Tensor const& spatial, at::Tensor const& temporal);

  CastConfig config_;
  Activations activations_ = Activations::kept;
  std::int64_t clip_frames_;
  std::shared_ptr<Vit> clip_, videomae_;
  std::vector<std::shared_ptr<CastBlock>> blocks_;
  torch::nn::LayerNorm fc_norm_{nullptr};
  std::shared_ptr<Adapter> spatial_adapter_, temporal_adapter_;
  Linear head_{nullptr};
  at::Tensor shift_, scale_;
};

}  // namespace gasm
