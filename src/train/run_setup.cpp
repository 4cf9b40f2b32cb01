// SPDX-License-Identifier: Apache-2.0
#include "run_setup.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "fault.hpp"
#include "gasm/base/log.hpp"
#include "gasm/ckpt/safetensors.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/config/load.hpp"
#include "gasm/data/ahead_readers.hpp"
#include "gasm/data/flip_map.hpp"
#include "gasm/models/named_tensors.hpp"
#include "store_choice.hpp"

namespace gasm {
namespace {

ClipLoaderOptions loader_options(RunConfig const& config,
                                 ClipStore const& store, SampleMode mode,
                                 TestViews views) {
  auto const resolution = config.model.semantic.resolution;
  ClipLoaderOptions options;
  options.mode = mode;
  options.sampling = config.data.sampling;
  options.views = views;
  options.output = {.width_px = resolution.width,
                    .height_px = resolution.height};
  options.augment = config.data.augment;
  options.flip_map = make_flip_map(store.classes());
  options.seed = config.run.seed;
  options.max_bad_fraction = config.data.max_bad_fraction;
  return options;
}

void check_labels(ClipStore const& store) {
  for (std::int64_t i = 0; i < store.size(); ++i)
    if (store.info(i).label < 0)
      throw usage_error(
          "{} has no label for clip {} (split {}). Try a split with answers",
          store.path().string(), store.info(i).id, store.split());
}

StoreMode resolve_mode(Communicator const& world, StoreMode wanted,
                       SampleMode use, ClipStore const& store) {
  bool const is_plan_known = use == SampleMode::train;
  if (wanted == StoreMode::direct || wanted == StoreMode::resident ||
      (is_plan_known && wanted != StoreMode::automatic))
    return wanted;
  auto const choice = choose_store_mode(world, store.total_bytes());
  auto const mode = is_plan_known || choice.mode == StoreMode::resident
                        ? choice.mode
                        : StoreMode::direct;
  log_info("{}: store mode {} ({})", store.path().string(), to_word(mode),
           choice.why);
  return mode;
}

std::unique_ptr<RecordReader> make_reader(Communicator const& world,
                                          RunConfig const& config,
                                          StoreMode mode,
                                          ClipStore const& store) {
  if (mode == StoreMode::direct) return make_direct_reader(store);
  if (mode == StoreMode::resident) return make_resident_reader(world, store);
  auto const plan = make_batch_plan(config, store.size());
  AheadOptions const ahead{
      .plan = plan,
      .total_steps = run_length(config, plan.steps_per_epoch()).total_steps,
      .depth = prefetch_options(config).depth};
  if (mode == StoreMode::exchange)
    return make_exchange_reader(world, store, ahead);
  return make_stream_reader(store, ahead, world.rank(), world.size());
}

void check_same_classes(ClipSource const& train_data,
                        ClipSource const& val_data) {
  if (train_data.store->classes() != val_data.store->classes())
    throw usage_error(
        "{} and {} have different classes (packed with different labels.json). "
        "Try to pack both from one labels folder",
        train_data.store->path().string(), val_data.store->path().string());
}

void load_backbone(torch::nn::Module& backbone, TensorMap const& tensors,
                   std::string const& path) {
  for (auto const& name : load_named_tensors(backbone, tensors, path))
    log_info("{}: {} is converted to fp32", path, name);
}

}  // namespace

ClipSource open_clips(Communicator const& world, RunConfig const& config,
                      Watchdog& watchdog, std::string const& path,
                      SampleMode mode, TestViews views) {
  Phase const phase(watchdog, "open " + path, config.train.watchdog_s);
  fault_point(world.rank(), "open");
  ClipSource source;
  agree_call(world, [&] {
    source.store = std::make_unique<ClipStore>(
        value_or_throw(ClipStore::open(path, ByteCheck::first_read)));
    check_labels(*source.store);
  });
  auto const store_mode =
      resolve_mode(world, config.data.store, mode, *source.store);
  source.reader = make_reader(world, config, store_mode, *source.store);
  agree_call(world, [&] {
    source.loader = std::make_unique<ClipLoader>(
        *source.store, loader_options(config, *source.store, mode, views),
        source.reader.get());
  });
  return source;
}

TrainingData open_training_data(Communicator const& world,
                                RunConfig const& config, Watchdog& watchdog) {
  TrainingData data;
  data.train =
      open_clips(world, config, watchdog, config.data.train, SampleMode::train);
  data.val =
      open_clips(world, config, watchdog, config.data.val, SampleMode::eval);
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

PrefetchOptions prefetch_options(RunConfig const& config) {
  return {.num_threads = config.data.threads, .depth = 2 + config.data.threads};
}

int num_classes_of(RunConfig const& config, ClipStore const& store) {
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

std::shared_ptr<VideoModel> build_model(Communicator const& world,
                                        RunConfig const& config,
                                        Watchdog& watchdog, int num_classes,
                                        FirstWeights weights) {
  Phase const phase(watchdog, "build model", config.train.watchdog_s);
  fault_point(world.rank(), "build");
  return agree_call(world, [&] {
    auto model = make_video_model(config.model, config.data.sampling.frames,
                                  num_classes, config.run.seed);
    if (weights == FirstWeights::seeded) return model;
    auto const& semantic = config.model.semantic.weights;
    if (semantic && model->semantic_backbone()) {
      auto const file = value_or_throw(read_safetensors(*semantic));
      load_backbone(*model->semantic_backbone(),
                    adapt_dinov3_weights(file.tensors), *semantic);
    }
    auto const& motion = config.model.motion.weights;
    if (motion && model->motion_backbone()) {
      auto const file = value_or_throw(read_safetensors(*motion));
      auto const num_stages =
          static_cast<std::size_t>(config.model.motion.stage) + 1;
      load_backbone(*model->motion_backbone(),
                    adapt_i3d_weights(file.tensors, num_stages), *motion);
    }
    return model;
  });
}

std::vector<double> lr_scales(RunConfig const& config,
                              std::vector<ParameterInfo> const& parameters) {
  std::vector<double> scales;
  for (auto const& info : parameters) {
    bool const is_pretrained = (info.part == ModelPart::semantic_backbone &&
                                config.model.semantic.weights) ||
                               (info.part == ModelPart::motion_backbone &&
                                config.model.motion.weights);
    scales.push_back(is_pretrained ? config.optim.backbone_lr_scale : 1.0);
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
  if (config.train.eval_every_epochs > 0)
    length.eval_every =
        std::max<std::int64_t>(1, steps_of(config.train.eval_every_epochs));
  return length;
}

std::string experiment_digest(RunConfig const& config) {
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
  neutral.train.watchdog_s = 0;
  neutral.parallel = {};
  neutral.eval = {};
  neutral.checkpoint = {};
  neutral.log = {};
  return digest(neutral);
}

void set_torch_threads() {
  auto const* wanted = std::getenv("OMP_NUM_THREADS");
  at::set_num_threads(wanted ? std::max(1, std::atoi(wanted)) : 1);
}

}  // namespace gasm
