// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/feature_loader.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "feature_rows.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/data/clip_rng.hpp"
#include "gasm/data/feature_augment.hpp"
#include "gasm/data/feature_table.hpp"
#include "gasm/data/mix.hpp"
#include "gasm/store/feature_store.hpp"
#include "gasm/store/record_reader.hpp"

namespace gasm {
namespace {

at::Tensor in_fp32(at::Tensor const& values) {
  if (values.is_cuda() || values.scalar_type() == at::kFloat)
    return values.to(at::kFloat);
  return host_tensor(values.sizes(), at::kFloat).copy_(values);
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

FeatureLoader::FeatureLoader(FeatureStore const& store,
                             FeatureLoaderOptions options,
                             FeatureTable const& table)
    : FeatureLoader(store, options) {
  table_ = &table;
}

BatchLoader::Worker FeatureLoader::make_worker() const {
  return [this](MicroBatchPlan const& plan, EpochOrder const& order,
                std::stop_token stop) { return load(plan, order, stop); };
}

FeatureLoader::Wanted FeatureLoader::choose(std::int64_t sample,
                                            std::int64_t epoch) const {
  if (options_.mode == SampleMode::eval)
    return {store_.record_of(sample, 0), store_.label(sample)};
  auto const record = store_.record_of(
      sample, choose_view(options_.seed, epoch, sample, store_.num_views()));
  return {record, store_.record_label(record)};
}

Result<void> FeatureLoader::read(std::int64_t record,
                                 RecordPlaces const& into) const {
  for (auto const& part : into) num_bytes_read_ += part.size();
  return reader_ ? reader_->read_into(record, into)
                 : read_record_into(store_, record, into);
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
  auto const num_rows = num_samples * num_views_;
  std::optional<HostRows> rows;
  if (!table_) rows.emplace(store_.contents(), num_rows);
  std::vector<std::int64_t> records(static_cast<std::size_t>(num_rows));
  auto labels = host_tensor({num_samples}, at::kLong);

  auto const load_into = [&](std::int64_t slot, std::int64_t sample) {
    auto const wanted = choose(sample, plan.epoch);
    for (std::int64_t view = 0; view < num_views_; ++view) {
      auto const row = slot * num_views_ + view;
      auto const record = wanted.first_record + view;
      auto const done =
          table_ ? table_->check(record) : read(record, rows->places(row));
      if (!done) return Result<std::int64_t>(tl::unexpected(done.error()));
      records[static_cast<std::size_t>(row)] = record;
    }
    return Result<std::int64_t>(wanted.label);
  };
  for (std::int64_t slot = 0; slot < num_samples; ++slot) {
    if (stop.stop_requested()) return batch;
    auto const loaded = load_or_replace(
        plan.positions.begin + slot, order,
        [&](std::int64_t sample) { return load_into(slot, sample); });
    labels.data_ptr<std::int64_t>()[slot] = loaded.label;
    batch.samples.push_back(loaded.sample);
    if (loaded.sample != plan.samples[static_cast<std::size_t>(slot)])
      batch.bad_slots.push_back(slot);
  }
  if (table_) {
    table_->gather(records, batch);
  } else {
    batch.semantic = rows->semantic();
    batch.motion = rows->motion();
  }
  batch.labels = std::move(labels);
  if (options_.mode == SampleMode::train && options_.augment.is_on())
    augment(batch);
  batch.decode_s = monotonic_s() - start_s;
  return batch;
}

void FeatureLoader::augment(MicroBatch& batch) const {
  auto const& config = options_.augment;
  std::vector<at::Tensor> streams;
  for (auto* const values : {&batch.semantic, &batch.motion}) {
    if (!values->defined()) continue;
    *values = in_fp32(*values);
    streams.push_back(*values);
  }
  for (std::int64_t slot = 0; slot < batch.size(); ++slot) {
    Rng rng = clip_rng(options_.seed, batch.epoch,
                       batch.samples[static_cast<std::size_t>(slot)]);
    for (auto const& stream : streams) {
      auto const sample = stream[slot];
      jitter_steps(sample, config.time_jitter, rng);
      drop_tokens(sample, config.token_dropout, rng);
      add_feature_noise(sample, config.noise, rng);
    }
  }
  auto const draw = draw_mix({.mixup_alpha = config.mixup_alpha}, {1, 1},
                             options_.seed, batch.step, batch.index);
  if (draw.own_share == 1.0) return;
  for (auto const& stream : streams) mix_features(stream, draw.own_share);
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
