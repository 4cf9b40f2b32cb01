// SPDX-License-Identifier: Apache-2.0
#include "gasm/train/bench_backbone.hpp"

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <vector>

#include "gasm/base/clock.hpp"
#include "gasm/base/median.hpp"
#include "gasm/models/autocast.hpp"
#include "gasm/models/freezing.hpp"
#include "gasm/models/frozen_casts.hpp"
#include "gasm/models/i3d_resnet.hpp"
#include "gasm/models/mac_count.hpp"
#include "gasm/models/timesformer.hpp"
#include "gasm/models/vit.hpp"
#include "run_setup.hpp"

namespace gasm {
namespace {

struct Subject {
  std::shared_ptr<torch::nn::Module> model;
  std::function<void(at::Tensor const&)> forward;
  std::vector<std::int64_t> input_shape;  ///< of one input
};

template <class Model, class Options>
Subject make_subject(Options const& options,
                     std::vector<std::int64_t> input_shape) {
  auto const model = std::make_shared<Model>(options);
  return {model, [model](at::Tensor const& input) { model->forward(input); },
          std::move(input_shape)};
}

Subject make_subject(BackboneConfig const& config) {
  constexpr int kFrames = 16;
  Resolution const size = config.resolution.value_or(Resolution{});
  if (config.kind == BackboneKind::i3d_r50)
    return make_subject<I3dResNet>(
        I3dOptions(),
        {3, config.num_frames.value_or(kFrames), size.height, size.width});
  if (config.kind == BackboneKind::timesformer) {
    auto options = timesformer_options(config);
    options.num_frames = config.num_frames.value_or(options.num_frames);
    options.image_height_px = size.height;
    options.image_width_px = size.width;
    return make_subject<Timesformer>(
        options, {3, options.num_frames, size.height, size.width});
  }
  auto const options = vit_options(config);
  if (options.tubelet > 0)
    return make_subject<Vit>(options, {3, config.num_frames.value_or(kFrames),
                                       size.height, size.width});
  return make_subject<Vit>(options, {3, size.height, size.width});
}

at::Tensor random_inputs(Subject const& subject, int count) {
  std::vector<std::int64_t> shape = {count};
  shape.insert(shape.end(), subject.input_shape.begin(),
               subject.input_shape.end());
  return torch::randn(shape);
}

}  // namespace

BackboneCost bench_backbone(BackboneConfig const& config,
                            BenchBackboneOptions const& options) {
  set_torch_threads();
  at::NoGradGuard const no_grad;
  Subject const subject = make_subject(config);
  subject.model->eval();
  freeze(*subject.model);
  auto const precision = autocast_of(options.precision, at::kCPU);
  BackboneCost cost{.num_inputs = options.num_inputs};
  for (auto const& parameter : subject.model->parameters())
    cost.parameters += parameter.numel();
  auto const one = random_inputs(subject, 1);
  cost.traced_macs = count_macs([&] { subject.forward(one); });
  auto const inputs = random_inputs(subject, options.num_inputs);
  FrozenCasts const casts(*subject.model, precision);
  std::vector<double> seconds;
  for (int i = 0; i <= options.num_repeats; ++i) {
    AutocastGuard const autocast(precision);
    double const start_s = monotonic_s();
    subject.forward(inputs);
    if (i > 0) seconds.push_back(monotonic_s() - start_s);
  }
  cost.forward_s = median(std::move(seconds));
  return cost;
}

}  // namespace gasm
