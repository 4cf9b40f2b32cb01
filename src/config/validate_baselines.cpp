// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "refuse.hpp"

namespace gasm::config_detail {
namespace {

/// The keys that both have.
template <class Config>
void check_sizes(Config const& config, std::string const& path,
                 Locate const& locate) {
  refuse_if(
      config.preset != VitPreset::vitb16 && config.preset != VitPreset::custom,
      locate, path + ".preset", "is {}. Try vitb16, or custom.",
      to_word(config.preset));
  check_divides(locate, path + ".heads", config.heads, path + ".width",
                config.width);
  auto const& resolution = config.resolution;
  refuse_if(resolution.height % config.patch != 0 ||
                resolution.width % config.patch != 0,
            locate, path + ".resolution",
            "is {} x {} (not a multiple of the patch, {}). Try {}.",
            resolution.height, resolution.width, config.patch,
            std::max(1, resolution.height / config.patch) * config.patch);
}

void check_cast(CastConfig const& config, Locate const& locate) {
  check_sizes(config, "model.cast", locate);
  refuse_if(adapter_width(config) < 1, locate, "model.cast.adapter_ratio",
            "leaves nothing of the {} channels. Try 0.25.", config.width);
  refuse_if(config.weights && (config.clip.weights || config.videomae.weights),
            locate, "model.cast.weights",
            "is a whole CAST, beside weights of one of its streams. Try "
            "model.cast.{}.weights: null.",
            config.clip.weights ? "clip" : "videomae");
  int const width = bottleneck_width(config);
  refuse_if(width < 1 || width % config.heads != 0, locate,
            "model.cast.bottleneck_ratio",
            "makes a bottleneck of {} channels (model.cast.heads, {}, must "
            "divide them). Try 0.5.",
            width, config.heads);
}

void check_timesformer(TimesformerConfig const& config, Locate const& locate) {
  check_sizes(config, "model.timesformer", locate);
}

}  // namespace

void check_baseline(ModelConfig const& config, Locate const& locate) {
  if (config.kind == ModelKind::timesformer)
    check_timesformer(config.timesformer, locate);
  if (config.kind == ModelKind::cast) check_cast(config.cast, locate);
}

void check_baseline(RunConfig const& config, Locate const& locate) {
  if (config.model.kind == ModelKind::fusion) return;
  auto const kind = to_word(config.model.kind);
  refuse_if(config.data.source == DataSource::features, locate, "data.source",
            "is features, but model.kind is {} (which runs on clips alone). "
            "Try data.source: clips.",
            kind);
  int const num_frames = config.data.sampling.frames;
  refuse_if(config.model.kind == ModelKind::cast && num_frames % 2 != 0, locate,
            "data.sampling.frames",
            "is {}, but model.kind is cast (which takes frames in pairs). Try "
            "{}.",
            num_frames, num_frames + 1);
}

}  // namespace gasm::config_detail
