// SPDX-License-Identifier: Apache-2.0
#include "gasm/extract/backbones.hpp"

#include <torch/torch.h>

#include "gasm/base/log.hpp"
#include "gasm/ckpt/safetensors.hpp"
#include "gasm/config/run_config.hpp"
#include "gasm/models/named_tensors.hpp"
#include "gasm/models/video_model.hpp"

namespace gasm {
namespace {

void load_backbone(torch::nn::Module& backbone, TensorMap const& tensors,
                   std::string const& path) {
  for (auto const& name : load_named_tensors(backbone, tensors, path))
    log_info("{}: {} is converted to fp32", path, name);
}

}  // namespace

void load_pretrained(RunConfig const& config, VideoModel& model) {
  auto const& semantic = config.model.semantic.weights;
  if (semantic && model.semantic_backbone()) {
    auto const file = value_or_throw(read_safetensors(*semantic));
    load_backbone(*model.semantic_backbone(),
                  adapt_dinov3_weights(file.tensors), *semantic);
  }
  auto const& motion = config.model.motion.weights;
  if (motion && model.motion_backbone()) {
    auto const file = value_or_throw(read_safetensors(*motion));
    auto const num_stages =
        static_cast<std::size_t>(config.model.motion.stage) + 1;
    load_backbone(*model.motion_backbone(),
                  adapt_i3d_weights(file.tensors, num_stages), *motion);
  }
}

}  // namespace gasm
