// SPDX-License-Identifier: Apache-2.0
#include "gasm/extract/backbones.hpp"

#include <fmt/ranges.h>
#include <torch/torch.h>

#include "backbone_weights.hpp"
#include "gasm/base/log.hpp"
#include "gasm/ckpt/weights.hpp"
#include "gasm/config/run_config.hpp"
#include "gasm/models/cast.hpp"
#include "gasm/models/load_report.hpp"
#include "gasm/models/named_tensors.hpp"
#include "gasm/models/timesformer_model.hpp"
#include "gasm/models/video_model.hpp"

namespace gasm {

BackboneWeights read_renamed(BackboneKind kind, std::string const& path) {
  auto const file = value_or_throw(read_weights(path));
  auto weights = rename_weights(kind, file.tensors, path, file.metadata);
  check_finite(weights.tensors, path);
  log_info("{}: {}{}{}", path, weights.naming,
           weights.left_out.empty() ? "" : ", without ",
           fmt::join(weights.left_out, ", "));
  return weights;
}

void load_backbone(torch::nn::Module& backbone, TensorMap const& tensors,
                   WeightLoad load, std::string const& path) {
  if (load == WeightLoad::partial) {
    log_info(
        "{}: {}", path,
        report_text(load_what_fits(backbone, tensors, path), tensors.size()));
    return;
  }
  for (auto const& name : load_named_tensors(backbone, tensors, path))
    log_info("{}: {} is converted to fp32", path, name);
  log_info("{}: all {} tensors loaded", path, tensors.size());
}

namespace {

void load_semantic(SemanticConfig const& config, Vit& vit) {
  auto const weights =
      read_renamed(backbone_kind(config.kind), *config.weights);
  load_backbone(vit, weights.tensors, config.load, *config.weights);
  vit.set_position_rules(position_rules(weights.origin, vit.options().registers,
                                        config.rope_periods,
                                        config.position_resize));
}

void load_streams(RunConfig const& config, VideoModel& model) {
  auto const& semantic = config.model.semantic;
  if (semantic.weights && model.semantic_backbone())
    load_semantic(semantic, *model.semantic_backbone());
  auto const& motion = config.model.motion;
  if (!motion.weights) return;
  if (model.motion_vit())
    load_backbone(
        *model.motion_vit(),
        read_renamed(backbone_kind(motion.kind), *motion.weights).tensors,
        motion.load, *motion.weights);
  if (model.motion_backbone()) {
    auto const num_stages = static_cast<std::size_t>(motion.stage) + 1;
    load_backbone(
        *model.motion_backbone(),
        up_to_stage(
            read_renamed(BackboneKind::i3d_r50, *motion.weights).tensors,
            num_stages),
        motion.load, *motion.weights);
  }
}

}  // namespace

void load_pretrained(RunConfig const& config, Recogniser& model) {
  if (auto* const video = dynamic_cast<VideoModel*>(&model))
    return load_streams(config, *video);
  if (auto* const timesformer = dynamic_cast<TimesformerModel*>(&model))
    return load_timesformer(config.model.timesformer, *timesformer);
  if (auto* const cast = dynamic_cast<Cast*>(&model))
    return load_cast(config.model.cast, *cast);
}

}  // namespace gasm
