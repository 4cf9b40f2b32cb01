// SPDX-License-Identifier: Apache-2.0
#include "gasm/models/recogniser.hpp"

#include "gasm/base/error.hpp"
#include "gasm/models/cast.hpp"
#include "gasm/models/timesformer_model.hpp"
#include "gasm/models/video_model.hpp"

namespace gasm {

PartSummary summarise(std::string name, torch::nn::Module const& module,
                      double macs) {
  PartSummary part;
  part.name = std::move(name);
  part.macs = macs;
  for (at::Tensor const& parameter : module.parameters()) {
    part.parameters += parameter.numel();
    if (parameter.requires_grad()) part.trainable += parameter.numel();
  }
  return part;
}

at::Tensor Recogniser::fuse(StreamFeatures const&, Trace*) {
  throw error(
      "features for a model that has none between its backbones and its head. "
      "Try data.source: clips");
}

std::shared_ptr<Recogniser> build_recogniser(ModelConfig const& config,
                                             std::int64_t clip_frames,
                                             std::int64_t num_classes,
                                             Backbones backbones) {
  switch (config.kind) {
    case ModelKind::timesformer:
      return std::make_shared<TimesformerModel>(config.timesformer, clip_frames,
                                                num_classes);
    case ModelKind::cast:
      return std::make_shared<Cast>(config.cast, clip_frames, num_classes);
    case ModelKind::fusion:
      break;
  }
  return std::make_shared<VideoModel>(config, clip_frames, num_classes,
                                      backbones);
}

std::shared_ptr<Recogniser> make_recogniser(ModelConfig const& config,
                                            std::int64_t clip_frames,
                                            std::int64_t num_classes,
                                            std::uint64_t seed,
                                            Backbones backbones) {
  torch::manual_seed(seed);
  return build_recogniser(config, clip_frames, num_classes, backbones);
}

}  // namespace gasm
