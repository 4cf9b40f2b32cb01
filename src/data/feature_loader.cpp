// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/feature_loader.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "gasm/base/clock.hpp"
#include "gasm/data/clip_rng.hpp"
#include "gasm/data/feature_augment.hpp"
#include "gasm/data/mix.hpp"
#include "gasm/store/feature_store.hpp"
#include "gasm/store/record_reader.hpp"

namespace gasm {
namespace {

/// [rows, S, L, D], or an undefined tensor where there is no such stream.
at::Tensor make_tensor(std::int64_t rows,
                       std::optional<FeatureStream> const& stream,
                       FeatureType type) {
  if (!stream) return {};
  auto const& shape = stream->shape;
  return host_tensor(
      {rows, shape.num_steps, shape.num_tokens, shape.num_channels},
      type == FeatureType::fp16 ? at::kHalf : at::kFloat);
}

std::byte* bytes_of(at::Tensor const& tensor) {
  return tensor.defined() ? static_cast<std::byte*>(tensor.data_ptr())
                          : nullptr;
}

std::span<float> values_of(at::Tensor const& tensor, std::int64_t row) {
  auto const size = static_cast<std::size_t>(tensor.stride(0));
  return {tensor.data_ptr<float>() + static_cast<std::size_t>(row) * size,
          size};
}

}  // namespace

FeatureLoader::FeatureLoader(FeatureStore const& store,
                             FeatureLoaderOptions options, RecordReader* reader)
    : BatchLoader(store, options.max_bad_fraction),
      store_(store),
      reader_(reader),
      options_(options),
      num_views_(options.mode == SampleMode::train ? 1 : store.num_views()) {
  if (options_.mode == SampleMode::eval &&
      store.contents().views == FeatureViews::random)
    throw usage_error(
        "{} holds views that were drawn at random (a test has none). Try gasm "
        "extract without --views",
        store.path().string());
}

BatchLoader::Worker FeatureLoader::make_worker() const {
  return [this](MicroBatchPlan const& plan, EpochOrder const& order,
                std::stop_token stop) { return load(plan, order, stop); };
}

Result<std::int64_t> FeatureLoader::load_sample(std::int64_t sample,
                                                std::int64_t epoch,
                                                std::byte* semantic,
                                                std::byte* motion) const {
  bool const is_training = options_.mode == SampleMode::train;
  auto const first = is_training ? choose_view(options_.seed, epoch, sample,
                                               store_.num_views())
                                 : 0;
  std::int64_t label = store_.label(sample);
  for (std::int64_t view = 0; view < num_views_; ++view) {
    auto const number = store_.record_of(sample, first + view);
    RecordPlaces into;
    std::size_t part = 0;
    auto const place = [&](std::byte*& start, std::size_t size) {
      if (start == nullptr) return;
      into[part++] = {start, size};
      start += size;
      num_bytes_read_ += size;
    };
    place(semantic, store_.contents().semantic_bytes());
    place(motion, store_.contents().motion_bytes());
    auto const done = reader_ ? reader_->read_into(number, into)
                              : read_record_into(store_, number, into);
    if (!done) return tl::unexpected(done.error());
    if (is_training) label = store_.record_label(number);
  }
  return label;
}

MicroBatch FeatureLoader::load(MicroBatchPlan const& plan,
                               EpochOrder const& order,
                               std::stop_token stop) const {
  double const start_s = monotonic_s();
  MicroBatch batch;
  batch.step = plan.step;
  batch.epoch = plan.epoch;
  batch.index = plan.index;
  batch.num_views = num_views_;
  auto const num_samples = plan.positions.size();
  auto const& contents = store_.contents();
  auto semantic =
      make_tensor(num_samples * num_views_, contents.semantic, contents.type);
  auto motion =
      make_tensor(num_samples * num_views_, contents.motion, contents.type);
  auto labels = at::empty({num_samples}, at::kLong);
  auto const views = static_cast<std::size_t>(num_views_);
  auto* const semantic_bytes = bytes_of(semantic);
  auto* const motion_bytes = bytes_of(motion);
  for (std::int64_t slot = 0; slot < num_samples; ++slot) {
    if (stop.stop_requested()) return batch;
    auto const row = static_cast<std::size_t>(slot) * views;
    auto const at = [&](std::byte* start, std::size_t size) {
      return start == nullptr ? nullptr : start + row * size;
    };
    auto const loaded = load_or_replace(
        plan.positions.begin + slot, order, [&](std::int64_t sample) {
          return load_sample(sample, plan.epoch,
                             at(semantic_bytes, contents.semantic_bytes()),
                             at(motion_bytes, contents.motion_bytes()));
        });
    labels.data_ptr<std::int64_t>()[slot] = loaded.label;
    batch.samples.push_back(loaded.sample);
    if (loaded.sample != plan.samples[static_cast<std::size_t>(slot)])
      batch.bad_slots.push_back(slot);
  }
  batch.semantic = std::move(semantic);
  batch.motion = std::move(motion);
  batch.labels = std::move(labels);
  if (options_.mode == SampleMode::train && options_.augment.is_on())
    augment(batch);
  batch.decode_s = monotonic_s() - start_s;
  return batch;
}

void FeatureLoader::augment(MicroBatch& batch) const {
  auto const& config = options_.augment;
  auto const& contents = store_.contents();
  struct Stream {
    at::Tensor& values;
    std::optional<FeatureStream> const& info;
  };
  std::array const streams = {Stream{batch.semantic, contents.semantic},
                              Stream{batch.motion, contents.motion}};
  for (auto const& stream : streams)
    if (stream.values.defined()) stream.values = stream.values.to(at::kFloat);
  for (std::int64_t slot = 0; slot < batch.size(); ++slot) {
    Rng rng = clip_rng(options_.seed, batch.epoch,
                       batch.samples[static_cast<std::size_t>(slot)]);
    for (auto const& stream : streams) {
      if (!stream.values.defined()) continue;
      auto const values = values_of(stream.values, slot);
      jitter_steps(values, stream.info->shape, config.time_jitter, rng);
      drop_tokens(values, stream.info->shape, config.token_dropout, rng);
      add_feature_noise(values, config.noise, rng);
    }
  }
  auto const draw = draw_mix({.mixup_alpha = config.mixup_alpha}, {1, 1},
                             options_.seed, batch.step, batch.index);
  if (draw.own_share == 1.0) return;
  for (auto const& stream : streams)
    if (stream.values.defined())
      mix_features({stream.values.data_ptr<float>(),
                    static_cast<std::size_t>(stream.values.numel())},
                   batch.size(), draw.own_share);
  batch.own_share = draw.own_share;
  batch.other_labels = batch.labels.flip(0);
}

std::function<std::int64_t(std::int64_t epoch, std::int64_t sample)>
training_record_of(FeatureStore const& store, std::uint64_t seed) {
  return [&store, seed](std::int64_t epoch, std::int64_t sample) {
    return store.record_of(sample,
                           choose_view(seed, epoch, sample, store.num_views()));
  };
}

}  // namespace gasm
