// SPDX-License-Identifier: Apache-2.0
#include "run_setup.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "fault.hpp"
#include "gasm/base/log.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/config/load.hpp"
#include "gasm/data/ahead_readers.hpp"
#include "gasm/data/feature_loader.hpp"
#include "gasm/data/store_choice.hpp"
#include "gasm/extract/backbones.hpp"
#include "gasm/extract/feature_recipe.hpp"
#include "gasm/store/clip_store.hpp"
#include "gasm/store/feature_store.hpp"
#include "layer_decay.hpp"
#include "same_ranks.hpp"
#include "sharded_optimizer.hpp"

namespace gasm {
namespace {

void check_labels(SampleStore const& store) {
  for (std::int64_t i = 0; i < store.size(); ++i)
    if (store.label(i) < 0)
      throw usage_error(
          "{} has no label for clip {} (split {}). Try a split with answers",
          store.path().string(), store.id(i), store.split());
}

StoreMode resolve_mode(Communicator const& world, StoreMode wanted,
                       SampleMode use, SampleStore const& store) {
  bool const is_plan_known = use == SampleMode::train;
  if (wanted == StoreMode::direct || wanted == StoreMode::resident ||
      (is_plan_known && wanted != StoreMode::automatic))
    return wanted;
  auto const choice = choose_store_mode(world, total_record_bytes(store));
  auto const mode = is_plan_known || choice.mode == StoreMode::resident
                        ? choice.mode
                        : StoreMode::direct;
  log_info("{}: store mode {} ({})", store.path().string(), to_word(mode),
           choice.why);
  return mode;
}

std::function<std::int64_t(std::int64_t, std::int64_t)> record_of(
    RunConfig const& config, SampleStore const& store) {
  auto const* features = dynamic_cast<FeatureStore const*>(&store);
  if (features == nullptr) return {};
  return training_record_of(*features, config.run.seed);
}

std::unique_ptr<RecordReader> make_reader(Communicator const& world,
                                          RunConfig const& config,
                                          StoreMode mode,
                                          SampleStore const& store) {
  if (mode == StoreMode::direct) return make_direct_reader(store);
  if (mode == StoreMode::resident) return make_resident_reader(world, store);
  auto const plan = make_batch_plan(config, store.size());
  AheadOptions const ahead{
      .plan = plan,
      .total_steps = run_length(config, plan.steps_per_epoch()).total_steps,
      .depth = prefetch_options(config).depth,
      .record_of = record_of(config, store)};
  if (mode == StoreMode::exchange)
    return make_exchange_reader(world, store, ahead);
  return make_stream_reader(store, ahead, world.rank(), world.size());
}

void check_same_classes(SampleSource const& train_data,
                        SampleSource const& val_data) {
  if (train_data.store->classes() != val_data.store->classes())
    throw usage_error(
        "{} and {} have different classes (packed with different labels.json). "
        "Try to pack both from one labels folder",
        train_data.store->path().string(), val_data.store->path().string());
}

/// A store, and what makes a loader once its reader is there.
struct OpenStore {
  std::unique_ptr<SampleStore> store;
  std::function<std::unique_ptr<BatchLoader>(RecordReader*)> make_loader;
};

OpenStore open_clips(RunConfig const& config, std::string const& path,
                     SampleMode mode, TestViews views) {
  auto store = std::make_unique<ClipStore>(
      value_or_throw(ClipStore::open(path, ByteCheck::first_read)));
  auto make_loader = [&config, &clips = *store, mode,
                      views](RecordReader* reader) {
    return std::make_unique<ClipLoader>(
        clips, clip_loader_options(config, clips, mode, views), reader);
  };
  return {std::move(store), std::move(make_loader)};
}

OpenStore open_features(RunConfig const& config, std::string const& path,
                        SampleMode mode, std::string const& recipe) {
  auto store = std::make_unique<FeatureStore>(
      value_or_throw(FeatureStore::open(path, ByteCheck::first_read)));
  check_recipe(*store, recipe, config);
  FeatureLoaderOptions const options{
      .mode = mode,
      .augment = config.data.feature_augment,
      .seed = config.run.seed,
      .max_bad_fraction = config.data.max_bad_fraction};
  auto make_loader = [options, &features = *store](RecordReader* reader) {
    return std::make_unique<FeatureLoader>(features, options, reader);
  };
  return {std::move(store), std::move(make_loader)};
}

}  // namespace

SampleSource open_samples(Communicator const& world, RunConfig const& config,
                          Watchdog& watchdog, std::string const& path,
                          SampleMode mode, TestViews views) {
  Phase const phase(watchdog, "open " + path,
                    deadline_s(config, config.watch.open_s));
  fault_point(world.rank(), "open");
  bool const is_features = config.data.source == DataSource::features;
  auto const recipe =
      is_features ? shared_feature_recipe(world, config, FeatureViews::test)
                  : "";
  auto open = agree_call(world, [&] {
    auto opened = is_features ? open_features(config, path, mode, recipe)
                              : open_clips(config, path, mode, views);
    check_labels(*opened.store);
    return opened;
  });
  SampleSource source;
  source.store = std::move(open.store);
  require_same_data(world, *source.store);
  auto const store_mode =
      resolve_mode(world, config.data.store, mode, *source.store);
  source.reader = make_reader(world, config, store_mode, *source.store);
  source.loader =
      agree_call(world, [&] { return open.make_loader(source.reader.get()); });
  return source;
}

TrainingData open_training_data(Communicator const& world,
                                RunConfig const& config, Watchdog& watchdog) {
  TrainingData data;
  data.train = open_samples(world, config, watchdog, config.data.train,
                            SampleMode::train);
  data.val =
      open_samples(world, config, watchdog, config.data.val, SampleMode::eval);
  check_same_classes(data.train, data.val);
  data.num_classes = num_classes_of(config, *data.train.store);
  return data;
}

void close(TrainingData& data) {
  data.train.reader->close();
  data.val.reader->close();
}

BatchPlan make_batch_plan(RunConfig const& config, std::int64_t num_samples) {
  bool const is_stream = config.data.store == StoreMode::stream;
  return BatchPlan(
      {.num_samples = num_samples,
       .global_batch = config.train.global_batch,
       .micro_batch = config.train.micro_batch,
       .seed = config.run.seed,
       .order = is_stream ? SampleOrder::blocks : SampleOrder::shuffled,
       .block_shuffle = {.block = config.data.stream.block,
                         .window_blocks = config.data.stream.window}});
}

double deadline_s(RunConfig const& config,
                  std::optional<double> const& of_phase) {
  return of_phase.value_or(config.train.watchdog_s);
}

PrefetchOptions loader_options(RunConfig const& config, int rank) {
  auto options = prefetch_options(config);
  options.before_job = [rank] { fault_point(rank, "loader"); };
  return options;
}

PrefetchOptions prefetch_options(RunConfig const& config) {
  return {.num_threads = config.data.threads, .depth = 2 + config.data.threads};
}

int num_classes_of(RunConfig const& config, SampleStore const& store) {
  auto const in_data = static_cast<int>(store.classes().size());
  auto const wanted = config.model.num_classes.value_or(in_data);
  if (wanted < in_data)
    throw usage_error(
        "model.num_classes is {}, but {} has {} classes (labels would not "
        "fit). "
        "Try model.num_classes: null",
        wanted, store.path().string(), in_data);
  return wanted;
}

std::shared_ptr<Recogniser> build_model(Communicator const& world,
                                        RunConfig const& config,
                                        Watchdog& watchdog, int num_classes,
                                        FirstWeights weights) {
  Phase const phase(watchdog, "build model",
                    deadline_s(config, config.watch.build_s));
  fault_point(world.rank(), "build");
  return agree_call(world, [&] {
    bool const is_features = config.data.source == DataSource::features;
    auto model = make_recogniser(
        config.model, config.data.sampling.frames, num_classes, config.run.seed,
        is_features ? Backbones::absent : Backbones::built);
    if (weights == FirstWeights::pretrained) load_pretrained(config, *model);
    return model;
  });
}

namespace {

/// Did this part of the model start from a file?
bool has_weights(ModelConfig const& model, ModelPart part) {
  switch (part) {
    case ModelPart::semantic_backbone:
      return model.semantic.weights.has_value();
    case ModelPart::motion_backbone:
      return model.motion.weights.has_value();
    case ModelPart::timesformer:
      return model.timesformer.weights.has_value();
    case ModelPart::clip:
      return model.cast.weights || model.cast.clip.weights;
    case ModelPart::videomae:
      return model.cast.weights || model.cast.videomae.weights;
    case ModelPart::fusion:
      break;
  }
  return false;
}

}  // namespace

Activations activations_of(TrainConfig const& train) {
  return train.activation_checkpointing == ActivationCheckpointing::blocks
             ? Activations::recomputed
             : Activations::kept;
}

GradientSumOptions gradient_sum_options(ParallelConfig const& parallel) {
  return {.buckets = {.first_mb = parallel.first_bucket_mb,
                      .mb = parallel.bucket_mb},
          .whom = parallel.zero1 ? SumFor::owner : SumFor::all,
          .transit = parallel.compress == Compression::bf16
                         ? TransitType::bf16
                         : TransitType::fp32};
}

std::unique_ptr<Optimizer> training_optimizer(
    RunConfig const& config, std::vector<ParameterInfo> const& parameters,
    GradientSum& sums) {
  auto scales = lr_scales(config, parameters);
  if (config.parallel.zero1)
    return std::make_unique<ShardedOptimizer>(config.optim, parameters,
                                              std::move(scales), sums);
  return make_optimizer(config.optim, parameters, scales);
}

std::vector<double> lr_scales(RunConfig const& config,
                              std::vector<ParameterInfo> const& parameters) {
  std::vector<double> scales;
  for (auto const& info : parameters) {
    double const own = has_weights(config.model, info.part)
                           ? config.optim.backbone_lr_scale
                           : 1.0;
    double const decay = config.optim.layer_decay;
    scales.push_back(
        decay == 1.0
            ? own
            : own * std::pow(decay, num_layers_above(info.name, parameters)));
  }
  return scales;
}

RunLength run_length(RunConfig const& config, std::int64_t steps_per_epoch) {
  auto const steps_of = [&](double epochs) {
    return std::llround(epochs * static_cast<double>(steps_per_epoch));
  };
  RunLength length;
  length.total_steps =
      config.train.steps.value_or(steps_of(config.train.epochs));
  length.warmup_steps =
      std::min(length.total_steps,
               static_cast<std::int64_t>(steps_of(config.optim.warmup_epochs)));
  for (double const epoch : config.optim.step_epochs)
    length.drop_steps.push_back(steps_of(epoch));
  if (config.train.eval_every_epochs > 0)
    length.eval_every =
        std::max<std::int64_t>(1, steps_of(config.train.eval_every_epochs));
  return length;
}

RunConfig experiment_of(RunConfig const& config) {
  RunConfig neutral = config;
  neutral.run.name = "run";
  neutral.run.dir = "runs";
  neutral.data.threads = 1;
  // The other modes give the same batches.
  if (config.data.store != StoreMode::stream) {
    neutral.data.store = StoreMode::automatic;
    neutral.data.stream = {};
  }
  neutral.data.train = neutral.data.val = "";  // their hashes are compared
  neutral.train.stop_after.reset();
  neutral.train.max_skipped_steps = 0;  // a run that diverged may get more
  neutral.train.watchdog_s = 0;
  neutral.train.device = {};
  neutral.train.cuda_graph = {};
  neutral.train.activation_checkpointing = ActivationCheckpointing::none;
  neutral.parallel = {.compress = config.parallel.compress};
  neutral.eval = {};
  neutral.checkpoint = {};
  neutral.log = {};
  neutral.watch = {};
  neutral.alerts = {};
  return neutral;
}

std::string experiment_digest(RunConfig const& config) {
  return digest(experiment_of(config));
}

void set_torch_threads() {
  auto const* wanted = std::getenv("OMP_NUM_THREADS");
  at::set_num_threads(wanted ? std::max(1, std::atoi(wanted)) : 1);
}

}  // namespace gasm
