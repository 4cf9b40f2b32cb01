// SPDX-License-Identifier: Apache-2.0
#include "gasm/extract/backbones.hpp"

#include <torch/torch.h>

#include "gasm/base/log.hpp"
#include "gasm/ckpt/safetensors.hpp"
#include "gasm/config/run_config.hpp"
#include "gasm/models/named_tensors.hpp"
#include "gasm/models/video_model.hpp"
#include "gasm/models/weight_names.hpp"

namespace gasm {
namespace {

void load_backbone(torch::nn::Module& backbone, TensorMap const& tensors,
                   std::string const& path) {
  for (auto const& name : load_named_tensors(backbone, tensors, path))
    log_info("{}: {} is converted to fp32", path, name);
}

void load_semantic(SemanticConfig const& config, TensorMap const& tensors,
                   Vit& vit) {
  auto const& path = *config.weights;
  auto const weights =
      rename_weights(backbone_kind(config.kind), tensors, path);
  load_backbone(vit, weights.tensors, path);
  vit.set_position_rules(position_rules(weights.origin, vit.options().registers,
                                        config.rope_periods,
                                        config.position_resize));
}

}  // namespace

void load_pretrained(RunConfig const& config, VideoModel& model) {
  auto const& semantic = config.model.semantic.weights;
  if (semantic && model.semantic_backbone()) {
    auto const file = value_or_throw(read_safetensors(*semantic));
    load_semantic(config.model.semantic, file.tensors,
                  *model.semantic_backbone());
  }
  auto const& motion = config.model.motion.weights;
  if (motion && model.motion_vit()) {
    auto const file = value_or_throw(read_safetensors(*motion));
    auto const kind = backbone_kind(config.model.motion.kind);
    load_backbone(*model.motion_vit(),
                  rename_weights(kind, file.tensors, *motion).tensors, *motion);
  }
  if (motion && model.motion_backbone()) {
    auto const file = value_or_throw(read_safetensors(*motion));
    auto const num_stages =
        static_cast<std::size_t>(config.model.motion.stage) + 1;
    load_backbone(
        *model.motion_backbone(),
        up_to_stage(rename_weights(BackboneKind::i3d_r50, file.tensors, *motion)
                        .tensors,
                    num_stages),
        *motion);
  }
}

}  // namespace gasm
