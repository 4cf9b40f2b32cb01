// SPDX-License-Identifier: Apache-2.0
#include "gasm/config/model_config.hpp"

namespace gasm {

SemanticConfig with_preset_sizes(SemanticConfig config) {
  struct Sizes {
    int width, depth, heads;
    FfnKind ffn;
    int ffn_hidden;
  };
  auto const apply = [&config](Sizes sizes) {
    config.width = sizes.width;
    config.depth = sizes.depth;
    config.heads = sizes.heads;
    config.ffn = sizes.ffn;
    config.ffn_hidden = sizes.ffn_hidden;
    config.patch = 16;
    config.registers = 4;
    config.layer_scale = 1e-5;
    return config;
  };
  switch (config.preset) {
    case VitPreset::vits16:
      return apply({384, 12, 6, FfnKind::mlp, 1536});
    case VitPreset::vits16plus:
      return apply({384, 12, 6, FfnKind::swiglu, 1536});
    case VitPreset::vitb16:
      return apply({768, 12, 12, FfnKind::mlp, 3072});
    case VitPreset::vitl16:
      return apply({1024, 24, 16, FfnKind::mlp, 4096});
    case VitPreset::custom:
      break;
  }
  return config;
}

MotionConfig with_preset_sizes(MotionConfig config) {
  if (config.kind == MotionKind::custom) return config;
  MotionConfig const published;
  config.stem_width = published.stem_width;
  config.stem_kernel = published.stem_kernel;
  config.stem_stride = published.stem_stride;
  config.stem_pool = published.stem_pool;
  config.widths = published.widths;
  config.inner_widths = published.inner_widths;
  config.depths = published.depths;
  config.temporal_kernels = published.temporal_kernels;
  config.temporal_pool = published.temporal_pool;
  return config;
}

}  // namespace gasm
