// SPDX-License-Identifier: Apache-2.0
#include "unit_maker.hpp"

#include <utility>

#include "gasm/base/error.hpp"
#include "gasm/data/sampler.hpp"
#include "gasm/extract/backbones.hpp"
#include "gasm/models/autocast.hpp"
#include "gasm/models/freezing.hpp"

namespace gasm {
namespace {

std::span<std::byte const> bytes_in(at::Tensor const& tensor) {
  if (!tensor.defined()) return {};
  return {static_cast<std::byte const*>(tensor.data_ptr()), tensor.nbytes()};
}

ClipLoaderOptions loader_options(RunConfig const& config,
                                 ClipStore const& clips, FeatureViews views) {
  bool const is_random = views == FeatureViews::random;
  auto options = clip_loader_options(
      config, clips, is_random ? SampleMode::train : SampleMode::eval,
      is_random ? TestViews{}
                : TestViews{config.eval.clips, config.eval.crops});
  // Clips are mixed in a batch, not in a view.
  options.augment.mix = {};
  // A substitute would be stored under another clip's name.
  options.max_bad_fraction = 0;
  return options;
}

/// Undefined stays undefined.
at::Tensor in_fp32(at::Tensor const& features) {
  return features.defined() ? features.to(at::kFloat) : features;
}

}  // namespace

std::span<std::byte const> UnitFeatures::semantic_bytes() const {
  return bytes_in(semantic);
}
std::span<std::byte const> UnitFeatures::motion_bytes() const {
  return bytes_in(motion);
}

UnitMaker::UnitMaker(RunConfig const& config, ClipStore const& clips,
                     FeatureStoreContents const& contents)
    : config_(config),
      clips_(clips),
      contents_(contents),
      loader_(clips, loader_options(config, clips, contents.views)),
      model_(make_video_model(config.model, config.data.sampling.frames,
                              static_cast<std::int64_t>(clips.classes().size()),
                              config.run.seed)) {
  load_pretrained(config, *model_);
  model_->train(false);
  freeze(*model_);
  casts_ = std::make_unique<FrozenCasts>(
      *model_, autocast_of(config.train.precision, at::kCPU));
}

MicroBatchPlan UnitMaker::plan_of(std::int64_t unit, std::int64_t epoch) const {
  MicroBatchPlan plan;
  plan.epoch = epoch;
  plan.positions = {unit * contents_.batch,
                    std::min(clips_.size(), (unit + 1) * contents_.batch)};
  for (auto i = plan.positions.begin; i < plan.positions.end; ++i)
    plan.samples.push_back(i);
  return plan;
}

std::unique_ptr<UnitPrefetcher> UnitMaker::prefetch(
    UnitPrefetcher::Jobs units) const {
  bool const is_random = contents_.views == FeatureViews::random;
  auto const num_loads = is_random ? contents_.num_views : 1;
  auto make_worker = [this, num_loads] {
    return [this, num_loads, worker = loader_.make_worker(),
            order = EpochOrder::identity(clips_.size())](std::int64_t unit,
                                                         std::stop_token stop) {
      UnitClips clips{unit, {}};
      for (std::int64_t view = 0; view < num_loads; ++view)
        clips.views.push_back(worker(plan_of(unit, view), order, stop));
      return clips;
    };
  };
  auto const num_threads = static_cast<std::int64_t>(config_.data.threads);
  return std::make_unique<UnitPrefetcher>(
      std::move(units), make_worker,
      PrefetchOptions{.num_threads = num_threads, .depth = num_threads + 1});
}

/// [V][clips, S, L, D] -> [clips, V, S, L, D]
at::Tensor UnitMaker::in_file_type(std::vector<at::Tensor> const& views,
                                   UnitClips const& clips) const {
  if (!views.front().defined()) return {};
  auto const exact = at::stack(views, 1);
  auto const stored =
      contents_.type == FeatureType::fp16 ? exact.to(at::kHalf) : exact;
  auto const is_fine = stored.flatten(1).isfinite().all(1).contiguous();
  for (std::int64_t i = 0; i < is_fine.size(0); ++i)
    if (!is_fine.const_data_ptr<bool>()[i])
      throw error(
          "the features of clip '{}' hold values that are not finite in {} "
          "precision (the largest is {}). Try {}",
          clips_.id(clips.unit * contents_.batch + i),
          contents_.type == FeatureType::fp16 ? "half" : "single",
          exact[i].abs().max().item<float>(),
          contents_.type == FeatureType::fp16 ? "--dtype fp32"
                                              : "other weights");
  return stored.contiguous();
}

UnitFeatures UnitMaker::make(UnitClips const& clips,
                             std::function<void()> const& on_batch) {
  at::NoGradGuard const no_grad;
  std::vector<at::Tensor> semantic;
  std::vector<at::Tensor> motion;
  for (auto const& batch : clips.views) {
    auto const views =
        batch.clips.unflatten(0, {batch.size(), batch.num_views});
    for (std::int64_t v = 0; v < batch.num_views; ++v) {
      auto const clips_of_view = views.select(1, v).contiguous();
      AutocastGuard const autocast(
          autocast_of(config_.train.precision, clips_of_view.device().type()));
      auto const features = model_->extract(clips_of_view);
      semantic.push_back(in_fp32(features.semantic));
      motion.push_back(in_fp32(features.motion));
      if (on_batch) on_batch();
    }
  }
  UnitFeatures features;
  features.semantic = in_file_type(semantic, clips);
  features.motion = in_file_type(motion, clips);
  auto const num_clips = clips.views.front().size();
  for (std::int64_t i = 0; i < num_clips; ++i)
    for (auto const& batch : clips.views)
      features.view_labels.insert(
          features.view_labels.end(), static_cast<std::size_t>(batch.num_views),
          static_cast<std::int16_t>(
              batch.labels.const_data_ptr<std::int64_t>()[i]));
  return features;
}

}  // namespace gasm
