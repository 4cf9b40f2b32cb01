// SPDX-License-Identifier: Apache-2.0
#include "gasm/train/train.hpp"

#include <fmt/format.h>
#include <torch/version.h>

#include "fault.hpp"
#include "feature_statistics.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/base/file.hpp"
#include "gasm/base/file_lock.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/base/log.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/mpi_info.hpp"
#include "gasm/comm/rank_layout.hpp"
#include "gasm/config/load.hpp"
#include "gasm/extract/backbones.hpp"
#include "gasm/models/freezing.hpp"
#include "gasm/models/frozen_casts.hpp"
#include "gasm/store/hdf5_info.hpp"
#include "gasm/video/ffmpeg_info.hpp"
#include "model_flops.hpp"
#include "same_ranks.hpp"
#include "train_device.hpp"
#include "train_loop.hpp"

namespace gasm {
namespace {

namespace fs = std::filesystem;

/// Of a job that was killed just now, the lock is given back in moments.
constexpr double kLockPatience_s = 10.0;

/// What an earlier job left would be taken for this one's.
void remove_hang_files(fs::path const& logs) {
  std::error_code ignored;
  fs::remove(logs / "status-board", ignored);
  fs::remove(logs / "status-board-report", ignored);
  for (auto const& entry : fs::directory_iterator(logs, ignored))
    if (entry.path().filename().string().starts_with("flight-rank-"))
      fs::remove(entry.path(), ignored);
}

/// The run folder, this job's alone until `lock` goes (on rank 0).
RunFolder make_run_folder(Communicator const& world, RunConfig const& config,
                          std::optional<FileLock>& lock) {
  // Its board would lie in the folder.
  Watchdog watchdog({.rank = world.rank(), .num_ranks = world.size()});
  Phase const phase(watchdog, "create run folder", config.train.watchdog_s);
  RunFolder folder(fs::path(config.run.dir) / config.run.name);
  agree_call(world, [&] {
    if (!world.is_root()) return;
    value_or_throw(RunFolder::create(folder.root()));
    lock =
        value_or_throw(FileLock::take(folder.root() / "lock", kLockPatience_s));
    folder.remove_leftovers();
    remove_hang_files(folder.root() / "logs");
  });
  return folder;
}

Manifest manifest_of(Communicator const& world, RunConfig const& config,
                     std::vector<std::string> const& argv,
                     TrainingData const& data) {
  auto manifest = make_manifest(argv, world.size());
  manifest.config_digest = digest(config);
  manifest.num_threads = at::get_num_threads();
  manifest.libraries = {{"libtorch", TORCH_VERSION},
                        {"mpi", mpi_library_version()},
                        {"hdf5", hdf5_info().version},
                        {"ffmpeg", ffmpeg_info().release}};
  for (auto const* source : {&data.train, &data.val})
    manifest.data_hashes[source->store->path().string()] =
        to_hex(source->store->data_hash());
  return manifest;
}

/// The run's newest checkpoint, or `checkpoint`: a step folder or a file.
void load_weights(Communicator const& world, RunConfig const& config,
                  Watchdog& watchdog, std::string const& checkpoint,
                  SampleStore const& data, Recogniser& model) {
  auto const classes = classes_hash(data.classes());
  Phase const phase(watchdog, "load checkpoint",
                    deadline_s(config, config.watch.load_s));
  fault_point(world.rank(), "load");
  auto const restore = [&](Checkpoint found) {
    if (take_average(found))
      log_info("the averaged weights (train.ema) of step {}", found.step);
    if (restore_model(found, classes, model)) return;
    load_pretrained(config, model);
    log_info("the backbones are those of the configuration");
  };
  CheckpointStore const store(
      RunFolder(fs::path(config.run.dir) / config.run.name).checkpoints());
  if (checkpoint.empty()) {
    auto const newest = load_newest_checkpoint(world, store);
    if (!newest)
      throw usage_error(
          "{} has no good checkpoint (nothing trained yet, or another "
          "run.name). Try gasm train first, or --checkpoint",
          store.folder().string());
    agree_call(world, [&] { restore(*newest); });
  } else {
    agree_call(world, [&] {
      if (auto const problem = find_dangling_link(checkpoint)) throw *problem;
      Checkpoint loaded;
      if (fs::is_directory(checkpoint))
        loaded = value_or_throw(store.load(checkpoint));
      else
        loaded.files["model"] = value_or_throw(read_safetensors(checkpoint));
      restore(loaded);
    });
  }
  require_same_weights(world, model);
}

/// What a checkpoint takes, about: what learns, its moments and its average.
double expected_bytes(RunConfig const& config, Recogniser const& model) {
  double bytes = 0;
  double const copies = config.train.ema > 0 ? 4 : 3;
  for (auto const& tensor : model.parameters())
    bytes += static_cast<double>(tensor.nbytes()) *
             (tensor.requires_grad() ? copies : 1);
  return bytes;
}

void warn_of_shares(Communicator const& world, RunConfig const& config,
                    TrainingData const& data) {
  auto const step = make_batch_plan(config, data.train.size()).at(0);
  auto const text =
      check_shares(config, step.num_samples(), step.num_micro, world.size());
  if (!text.empty()) log_warn("{}", text);
}

}  // namespace

TrainOutcome train(Communicator const& world, RunConfig const& config,
                   std::vector<std::string> const& argv,
                   OnProgress const& on_progress) {
  StopFlag const stop;
  set_torch_threads();
  validate_for_training(config);
  std::optional<FileLock> lock;
  auto const folder = make_run_folder(world, config, lock);
  Watchdog watchdog({.rank = world.rank(),
                     .num_ranks = world.size(),
                     .board_path = folder.root() / "logs" / "status-board"});
  // What lies outside the phases inside it: making parts, opening the records.
  Phase const phase(watchdog, "run", config.train.watchdog_s);
  log_to_file(folder.log_of_rank(world.rank()));
  auto const device = train_device(world, config);
  log_info("{}", rank_layout(world, device.str()));

  auto data = open_training_data(world, config, watchdog);
  warn_of_shares(world, config, data);
  auto const model = build_model(world, config, watchdog, data.num_classes,
                                 FirstWeights::pretrained);
  auto const summary = summary_text(describe(*model));
  log_info("{}", summary);
  set_statistics(world, config, *data.train.store, *model);
  auto const utilisation = agree_call(world, [&] {
    model->to(device);
    return utilisation_of(config, *model, device);
  });

  std::optional<RunLog> log;
  OnProgress const note = [&](auto what, auto done, auto total, auto) {
    if (log) log->note_progress(what, done);
    if (on_progress)
      on_progress(what, done, total, log ? log->headline() : std::string());
  };
  TrainLoop loop({.world = world,
                  .config = config,
                  .folder = folder,
                  .watchdog = watchdog,
                  .stop = stop,
                  .data = data,
                  .model = *model,
                  .device = device,
                  .is_device_step = !device.is_cpu() || is_device_step_asked(),
                  .utilisation = utilisation,
                  .on_progress = note});
  auto const resume = loop.resume();
  require_same_weights(world, *model);
  // Only now: a refused configuration leaves the old file as it was.
  agree_ok(world, world.is_root()
                      ? publish_file(folder.config(), to_yaml(config))
                      : Result<void>{});
  auto manifest = manifest_of(world, config, argv, data);
  manifest.total_steps = loop.total_steps();
  manifest.resumed_from = loop.resumed_from();
  manifest.started_from = loop.started_from();
  log = agree(world,
              RunLog::open(world, folder, config, std::move(manifest), summary,
                           resume, expected_bytes(config, *model)));
  try {
    auto outcome = loop.run(*log);
    bool const is_stopped = outcome.code == ExitCode::requeue;
    agree_ok(world, log->finish(is_stopped ? RunState::stopped : RunState::done,
                                is_stopped ? "stopped by request" : ""));
    close(data);
    return outcome;
  } catch (AgreedError const& failed) {
    (void)log->finish(RunState::failed, failed.what());
    close(data);
    throw;
  } catch (Error const& failed) {
    (void)log->finish(RunState::failed, failed.what());
    throw;
  }
}

EvalResult evaluate_run(Communicator const& world, RunConfig const& config,
                        std::string const& checkpoint, std::string const& data,
                        OnProgress const& on_progress) {
  auto const path = data.empty() ? config.data.val : data;
  if (path.empty())
    throw usage_error(
        "there is nothing to evaluate on (data.val is not set). Try --data "
        "with the path of a clips.h5 or features.h5");
  set_torch_threads();
  Watchdog watchdog({.rank = world.rank(), .num_ranks = world.size()});
  auto const source =
      open_samples(world, config, watchdog, path, SampleMode::eval,
                   {config.eval.clips, config.eval.crops});
  auto const num_classes = num_classes_of(config, *source.store);
  auto const model =
      build_model(world, config, watchdog, num_classes, FirstWeights::seeded);
  load_weights(world, config, watchdog, checkpoint, *source.store, *model);
  auto const device = train_device(world, config);
  agree_call(world, [&] { model->to(device); });
  freeze(*model);
  FrozenCasts const casts(*model,
                          autocast_of(config.train.precision, device.type()));
  auto const collective =
      world.size() > 1 ? make_mpi_collective(world) : make_self_collective();
  Phase const phase(watchdog, "evaluate",
                    deadline_s(config, config.watch.evaluate_s));
  fault_point(world.rank(), "evaluate");
  auto result = evaluate(
      world, *collective, *model, *source.loader, source.size(), num_classes,
      {.micro_batch = config.train.micro_batch,
       .num_threads = config.data.threads,
       .precision = config.train.precision,
       .device = device,
       .average = config.eval.average,
       .on_progress = [&](auto done, auto total) {
         watchdog.progress(fmt::format("evaluate {} of {}", done, total));
         if (on_progress) on_progress("evaluate", done, total, "");
       }});
  source.reader->close();
  return result;
}

std::string describe_run(Communicator const& world, RunConfig const& config) {
  validate_for_training(config);
  Watchdog watchdog({.rank = world.rank(), .num_ranks = world.size()});
  auto lazy = config;
  lazy.data.store = StoreMode::direct;  // nothing is read but the index
  auto const data = open_training_data(world, lazy, watchdog);
  warn_of_shares(world, config, data);
  auto const model = build_model(world, config, watchdog, data.num_classes,
                                 FirstWeights::pretrained);
  auto const plan = make_batch_plan(config, data.train.size());
  auto const length = run_length(config, plan.steps_per_epoch());
  return fmt::format(
      "{}\nranks            {}\ntraining clips   {}\nvalidation clips {}\n"
      "classes          {}\nsteps            {} ({} an epoch, {} of warm-up)\n"
      "global batch     {} clips in {} micro-batches\n",
      summary_text(describe(*model)), world.size(), data.train.size(),
      data.val.size(), data.num_classes, length.total_steps,
      plan.steps_per_epoch(), length.warmup_steps, config.train.global_batch,
      plan.at(0).num_micro);
}

}  // namespace gasm
