// SPDX-License-Identifier: Apache-2.0
#include "gasm/train/train.hpp"

#include <fmt/format.h>
#include <torch/version.h>

#include "fault.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/base/file.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/base/log.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/config/load.hpp"
#include "train_loop.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

RunFolder make_run_folder(Communicator const& world, RunConfig const& config) {
  RunFolder folder(fs::path(config.run.dir) / config.run.name);
  Result<void> made;
  if (world.is_root()) {
    if (auto created = RunFolder::create(folder.root()); !created)
      made = tl::unexpected(created.error());
  }
  agree_ok(world, made);
  return folder;
}

Manifest manifest_of(Communicator const& world, RunConfig const& config,
                     std::vector<std::string> const& argv,
                     ClipSource const& train_data, ClipSource const& val_data) {
  auto manifest = make_manifest(argv, world.size());
  manifest.config_digest = digest(config);
  manifest.libraries["libtorch"] = TORCH_VERSION;
  for (auto const* data : {&train_data, &val_data})
    manifest.data_hashes[data->store->path().string()] =
        to_hex(data->store->data_hash());
  return manifest;
}

ClipSource open_phase(Communicator const& world, RunConfig const& config,
                      Watchdog& watchdog, std::string const& path,
                      SampleMode mode) {
  Phase const phase(watchdog, "open " + path, config.train.watchdog_s);
  fault_point(world.rank(), "open");
  return open_clips(world, config, path, mode);
}

void check_same_classes(ClipSource const& train_data,
                        ClipSource const& val_data) {
  if (train_data.store->classes() != val_data.store->classes())
    throw usage_error(
        "{} and {} have different classes (packed with different labels.json). "
        "Try to pack both from one labels folder",
        train_data.store->path().string(), val_data.store->path().string());
}

}  // namespace

TrainOutcome train(Communicator const& world, RunConfig const& config,
                   std::vector<std::string> const& argv) {
  StopFlag const stop;
  set_torch_threads();
  validate_for_training(config);
  auto const folder = make_run_folder(world, config);
  Watchdog watchdog({.rank = world.rank(),
                     .num_ranks = world.size(),
                     .board_path = folder.root() / "logs" / "status-board"});
  log_to_file(folder.log_of_rank(world.rank()));

  auto train_data =
      open_phase(world, config, watchdog, config.data.train, SampleMode::train);
  auto val_data =
      open_phase(world, config, watchdog, config.data.val, SampleMode::eval);
  check_same_classes(train_data, val_data);
  auto const num_classes = num_classes_of(config, *train_data.store);
  std::shared_ptr<VideoModel> model;
  {
    Phase const phase(watchdog, "build model", config.train.watchdog_s);
    fault_point(world.rank(), "build");
    model = build_model(world, config, num_classes);
  }
  log_info("{}", summary_text(describe(*model)));

  TrainLoop loop({.world = world,
                  .config = config,
                  .folder = folder,
                  .watchdog = watchdog,
                  .stop = stop,
                  .train_data = train_data,
                  .val_data = val_data,
                  .model = *model,
                  .num_classes = num_classes});
  auto const resume_step = loop.resume();
  // Only now: a refused configuration leaves the old file as it was.
  agree_ok(world, world.is_root()
                      ? publish_file(folder.config(), to_yaml(config))
                      : Result<void>{});
  auto log =
      agree(world,
            RunLog::open(world, folder, config,
                         manifest_of(world, config, argv, train_data, val_data),
                         resume_step));
  try {
    auto outcome = loop.run(log);
    bool const is_stopped = outcome.code == ExitCode::requeue;
    agree_ok(world, log.finish(is_stopped ? RunState::stopped : RunState::done,
                               is_stopped ? "stopped by request" : ""));
    return outcome;
  } catch (Error const& failed) {
    (void)log.finish(RunState::failed, failed.what());
    throw;
  }
}

EvalResult evaluate_run(Communicator const& world, RunConfig const& config,
                        std::string const& checkpoint,
                        std::string const& data) {
  set_torch_threads();
  auto source = open_clips(world, config, data.empty() ? config.data.val : data,
                           SampleMode::eval);
  auto const num_classes = num_classes_of(config, *source.store);
  auto const model = build_model(world, config, num_classes);
  CheckpointStore const store(
      RunFolder(fs::path(config.run.dir) / config.run.name).checkpoints());
  if (checkpoint.empty()) {
    auto const newest = load_newest_checkpoint(world, store);
    if (!newest)
      throw usage_error(
          "{} has no good checkpoint (nothing trained yet, or another "
          "run.name). Try gasm train first, or --checkpoint",
          store.folder().string());
    agree_call(world, [&] { restore_model(*newest, *model); });
  } else {
    agree_call(world, [&] {
      Checkpoint loaded;
      if (fs::is_directory(checkpoint))
        loaded = value_or_throw(store.load(checkpoint));
      else
        loaded.files["model"] = value_or_throw(read_safetensors(checkpoint));
      restore_model(loaded, *model);
    });
  }
  auto const collective =
      world.size() > 1 ? make_mpi_collective(world) : make_self_collective();
  return evaluate(world, *collective, *model, *source.loader, source.size(),
                  num_classes,
                  {.micro_batch = config.train.micro_batch,
                   .num_threads = config.data.threads});
}

std::string describe_run(Communicator const& world, RunConfig const& config) {
  validate_for_training(config);
  auto const train_data =
      open_clips(world, config, config.data.train, SampleMode::train);
  auto const val_data =
      open_clips(world, config, config.data.val, SampleMode::eval);
  check_same_classes(train_data, val_data);
  auto const num_classes = num_classes_of(config, *train_data.store);
  auto const model = build_model(world, config, num_classes);
  BatchPlan const plan({.num_samples = train_data.size(),
                        .global_batch = config.train.global_batch,
                        .micro_batch = config.train.micro_batch,
                        .seed = config.run.seed,
                        .order = SampleOrder::shuffled});
  auto const length = run_length(config, plan.steps_per_epoch());
  return fmt::format(
      "{}\nranks            {}\ntraining clips   {}\nvalidation clips {}\n"
      "classes          {}\nsteps            {} ({} an epoch, {} of warm-up)\n"
      "global batch     {} clips in {} micro-batches\n",
      summary_text(describe(*model)), world.size(), train_data.size(),
      val_data.size(), num_classes, length.total_steps, plan.steps_per_epoch(),
      length.warmup_steps, config.train.global_batch, plan.at(0).num_micro);
}

}  // namespace gasm
