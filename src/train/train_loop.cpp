// SPDX-License-Identifier: Apache-2.0
#include "train_loop.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "fault.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/base/log.hpp"
#include "gasm/base/rng.hpp"
#include "gasm/comm/agree.hpp"
#include "schedule.hpp"

namespace gasm {
namespace {

BatchPlanOptions plan_options(TrainParts const& parts) {
  return {.num_samples = parts.train_data.size(),
          .global_batch = parts.config.train.global_batch,
          .micro_batch = parts.config.train.micro_batch,
          .seed = parts.config.run.seed,
          .order = SampleOrder::shuffled};
}

PrefetchOptions prefetch_options(RunConfig const& config) {
  return {.num_threads = config.data.threads, .depth = 2 + config.data.threads};
}

}  // namespace

TrainLoop::TrainLoop(TrainParts parts)
    : parts_(std::move(parts)),
      plan_(plan_options(parts_)),
      length_(run_length(parts_.config, plan_.steps_per_epoch())),
      parameters_(parameter_groups(parts_.model)),
      norms_(collect_batch_norms(parts_.model)),
      optimizer_(parts_.config.optim, parameters_,
                 lr_scales(parts_.config, parameters_)),
      sums_(parameters_, norms_),
      collective_(parts_.world.size() > 1 ? make_mpi_collective(parts_.world)
                                          : make_self_collective()),
      checkpoints_(parts_.folder.checkpoints()),
      identity_{experiment_digest(parts_.config),
                to_hex(parts_.train_data.store->data_hash())} {}

double TrainLoop::epoch() const {
  return static_cast<double>(state_.step) /
         static_cast<double>(plan_.steps_per_epoch());
}

std::optional<std::int64_t> TrainLoop::resume() {
  Phase const phase(parts_.watchdog, "load checkpoint",
                    parts_.config.train.watchdog_s);
  fault_point(parts_.world.rank(), "load");
  auto const mode = parts_.config.checkpoint.resume;
  auto const found = load_newest_checkpoint(parts_.world, checkpoints_);
  if (found && mode == ResumeMode::never)
    throw usage_error(
        "{} has checkpoints (checkpoint.resume is never). Try another "
        "run.name, or checkpoint.resume: auto",
        checkpoints_.folder().string());
  if (!found && mode == ResumeMode::must)
    throw usage_error(
        "{} has no good checkpoint (checkpoint.resume is must). Try "
        "checkpoint.resume: auto",
        checkpoints_.folder().string());
  if (!found) return std::nullopt;
  state_ = agree_call(parts_.world, [&] {
    return restore_checkpoint(*found, identity_, parts_.model, optimizer_);
  });
  saved_step_ = resumed_step_ = state_.step;
  log_info("resumed from step {} of {}", state_.step, length_.total_steps);
  return state_.step;
}

TrainOutcome TrainLoop::run(RunLog& log) {
  Phase const phase(parts_.watchdog, "train", parts_.config.train.watchdog_s);
  auto const& config = parts_.config;
  double const start_s = monotonic_s();
  saved_s_ = start_s;
  double logged_s = start_s;
  double logged_wait_s = 0.0;
  std::int64_t logged_clips = 0;
  auto const batches = prefetch_clips(
      *parts_.train_data.loader, plan_, {state_.step, length_.total_steps},
      parts_.world.rank(), parts_.world.size(), prefetch_options(config));
  parts_.model.train();

  while (state_.step < length_.total_steps && !state_.ended_early &&
         !stop_agreed_) {
    auto const plan = plan_.at(state_.step);
    Result<void> mine;
    try {
      run_micro_batches(plan, *batches);
    } catch (std::exception const& failed) {
      mine = failure("{}", failed.what());
    }
    agree_on_step(mine);
    auto const sums = update(plan);
    logged_clips += plan.num_samples();
    parts_.watchdog.progress(fmt::format("train step {}", state_.step));

    bool const is_last = state_.step == length_.total_steps;
    Result<void> logged;
    if (state_.step % config.log.every_steps == 0 || is_last || stop_agreed_) {
      double const now_s = monotonic_s();
      double const wait_s = batches->stats().data_wait_s;
      logged =
          log.write_step({.step = state_.step,
                          .epoch = epoch(),
                          .loss = sums.loss,
                          .top1 = sums.top1,
                          .lr = lr_,
                          .grad_norm = grad_norm_,
                          .clips_per_s = static_cast<double>(logged_clips) /
                                         (now_s - logged_s),
                          .data_wait_fraction =
                              (wait_s - logged_wait_s) / (now_s - logged_s)});
      logged_s = now_s;
      logged_wait_s = wait_s;
      logged_clips = 0;
      agree_ok(parts_.world, logged);
    }
    if (is_evaluation_due()) {
      validate(log);
      logged_s = monotonic_s();  // validation is not training time
    } else if (is_checkpoint_due()) {
      save(log, std::nullopt);
    }
  }

  TrainOutcome outcome;
  bool const is_stopped =
      stop_agreed_ && state_.step < length_.total_steps && !state_.ended_early;
  if (is_stopped) {
    if (saved_step_ != state_.step) save(log, std::nullopt);
    outcome.code = ExitCode::requeue;
  } else if (evaluated_step_ != state_.step) {
    validate(log);
  }
  outcome.step = state_.step;
  outcome.best_top1 = state_.best_top1;
  outcome.last_eval = last_eval_;
  outcome.train_s = monotonic_s() - start_s;
  return outcome;
}

void TrainLoop::run_micro_batches(StepPlan const& plan,
                                  MicroBatchPrefetcher& batches) {
  fault_point(parts_.world.rank(), "train", state_.step);
  auto const mine =
      rank_range(plan.num_micro, parts_.world.rank(), parts_.world.size());
  sums_.begin_step(plan.num_micro, plan.num_samples(), mine.begin, mine.size());
  for (auto index = mine.begin; index < mine.end; ++index) {
    auto const batch = batches.next();
    GASM_ASSERT(batch && batch->step == plan.step && batch->index == index);
    // Dropout belongs to the micro-batch, whichever rank computes it.
    torch::manual_seed(
        mix_key({parts_.config.run.seed, static_cast<std::uint64_t>(plan.step),
                 static_cast<std::uint64_t>(index)}));
    auto const logits = parts_.model.forward(batch->clips);
    auto const loss = at::cross_entropy_loss(
        logits, batch->labels, {}, at::Reduction::Sum, /*ignore_index=*/-100,
        parts_.config.optim.label_smoothing);
    auto const num_top1 =
        logits.argmax(1).eq(batch->labels).sum().item<std::int64_t>();
    sums_.add_micro_batch(loss, batch->size(), num_top1);
  }
}

void TrainLoop::agree_on_step(Result<void> const& mine) {
  auto const& config = parts_.config;
  auto const minutes = config.checkpoint.every_minutes;
  bool const is_time = parts_.world.is_root() && minutes > 0 &&
                       monotonic_s() - saved_s_ > 60 * minutes;
  bool const is_end =
      config.train.stop_after && state_.step + 1 >= *config.train.stop_after;
  std::array<float, 3> flags = {mine ? 0.0F : 1.0F,
                                parts_.stop.requested() || is_end ? 1.0F : 0.0F,
                                is_time ? 1.0F : 0.0F};
  parts_.world.all_reduce_max(std::span<float>(flags));
  if (flags[0] > 0) agree_ok(parts_.world, mine);
  stop_agreed_ = flags[1] > 0;
  save_agreed_ = flags[2] > 0;
}

StepSums TrainLoop::update(StepPlan const& plan) {
  auto const& optim = parts_.config.optim;
  auto const sums = sums_.finish_step(*collective_);
  auto flat = sums_.flat_gradient();
  grad_norm_ = flat.norm().item<double>();
  // The same numbers on all ranks, and so the same decision.
  if (!std::isfinite(sums.loss) || !std::isfinite(grad_norm_))
    throw AgreedError(error(
        "training diverged at step {} (loss {}, gradient norm {}). Try a lower "
        "optim.lr, a longer optim.warmup_epochs or a smaller optim.clip_norm",
        plan.step, sums.loss, grad_norm_));
  if (optim.clip_norm > 0 && grad_norm_ > optim.clip_norm)
    flat.mul_(optim.clip_norm / (grad_norm_ + 1e-6));
  lr_ = learning_rate(optim, state_.step, length_.warmup_steps,
                      length_.total_steps);
  optimizer_.step(sums_.gradients(), lr_);
  if (!norms_.empty()) apply_running_update(norms_, sums_.mean_statistics());
  ++state_.step;
  return sums;
}

bool TrainLoop::is_evaluation_due() const {
  return state_.step == length_.total_steps ||
         (length_.eval_every > 0 && state_.step % length_.eval_every == 0);
}

bool TrainLoop::is_checkpoint_due() const {
  auto const every = parts_.config.checkpoint.every_steps;
  return save_agreed_ || (every > 0 && state_.step % every == 0);
}

void TrainLoop::validate(RunLog& log) {
  auto const& config = parts_.config;
  Phase const phase(parts_.watchdog, "evaluate", config.train.watchdog_s);
  fault_point(parts_.world.rank(), "evaluate", state_.step);
  last_eval_ = evaluate(parts_.world, *collective_, parts_.model,
                        *parts_.val_data.loader, parts_.val_data.size(),
                        parts_.num_classes,
                        {.micro_batch = config.train.micro_batch,
                         .num_threads = config.data.threads,
                         .on_progress = [&](auto const& what) {
                           parts_.watchdog.progress(what);
                         }});
  evaluated_step_ = state_.step;
  // A finished run that is started again has this line already.
  if (resumed_step_ == state_.step) return;
  agree_ok(parts_.world, log.write_eval(state_.step, epoch(), last_eval_));
  if (last_eval_.top1 > state_.best_top1 + config.train.early_stop.min_delta ||
      state_.best_top1 < 0) {
    state_.best_top1 = last_eval_.top1;
    state_.evals_without_gain = 0;
  } else {
    ++state_.evals_without_gain;
  }
  auto const patience = config.train.early_stop.patience;
  if (patience > 0 && state_.evals_without_gain >= patience &&
      state_.step < length_.total_steps) {
    state_.ended_early = true;
    log_info("ended early: {} evaluations without a better top-1", patience);
  }
  if (saved_step_ != state_.step) save(log, last_eval_.top1);
}

void TrainLoop::save(RunLog& log, std::optional<double> score) {
  auto const& config = parts_.config;
  Phase const phase(parts_.watchdog, "save checkpoint",
                    config.train.watchdog_s);
  fault_point(parts_.world.rank(), "save", state_.step);
  agree_ok(parts_.world, log.sync());
  save_checkpoint(parts_.world, checkpoints_,
                  make_checkpoint(state_, identity_, parts_.model, optimizer_),
                  score,
                  {.keep_last = config.checkpoint.keep_last,
                   .keep_best = config.checkpoint.keep_best});
  saved_step_ = state_.step;
  saved_s_ = monotonic_s();
}

}  // namespace gasm
