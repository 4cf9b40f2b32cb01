// SPDX-License-Identifier: Apache-2.0
#include "train_loop.hpp"

#include <fmt/format.h>

#include <array>

#include "clip_gradient.hpp"
#include "fault.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/base/hash.hpp"
#include "gasm/base/log.hpp"
#include "gasm/base/rng.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/eval/forward_batch.hpp"
#include "mixed_loss.hpp"
#include "sample_log.hpp"
#include "schedule.hpp"

namespace gasm {
TrainLoop::TrainLoop(TrainParts parts)
    : parts_(std::move(parts)),
      plan_(make_batch_plan(parts_.config, parts_.data.train.size())),
      length_(run_length(parts_.config, plan_.steps_per_epoch())),
      parameters_(parameter_groups(parts_.model)),
      norms_(collect_batch_norms(parts_.model)),
      sums_(!parts_.is_device_step
                ? std::make_unique<GradientSum>(
                      parts_.world, parameters_, norms_,
                      gradient_sum_options(parts_.config.parallel))
                : nullptr),
      optimizer_(sums_ ? training_optimizer(parts_.config, parameters_, *sums_)
                       : nullptr),
      average_(parts_.config.train.ema > 0
                   ? std::make_unique<WeightAverage>(parts_.config.train.ema,
                                                     parameters_)
                   : nullptr),
      collective_(parts_.world.size() > 1 ? make_mpi_collective(parts_.world)
                                          : make_self_collective()),
      checkpoints_(parts_.folder.checkpoints()),
      saver_(parts_.world, checkpoints_,
             {.keep_last = parts_.config.checkpoint.keep_last,
              .keep_best = parts_.config.checkpoint.keep_best,
              .keep_every = parts_.config.checkpoint.keep_every}),
      identity_{experiment_digest(parts_.config),
                to_hex(parts_.data.train.store->data_hash()),
                to_hex(parts_.data.val.store->data_hash()),
                classes_hash(parts_.data.train.store->classes()),
                plan_.steps_per_epoch()},
      schedule_(parts_.config.checkpoint),
      trace_(parts_.world, parts_.folder.root() / "trace.json",
             parts_.config.log.trace_steps),
      checks_(parts_.world, parts_.model, parts_.config.watch),
      skew_(parts_.config.watch) {
  auto const& train = parts_.config.train;
  state_.loss_scale = first_loss_scale(train.precision == Precision::fp16);
  parts_.model.set_activations(activations_of(train));
  if (!sums_) start_device();
}

double TrainLoop::epoch() const {
  return static_cast<double>(state_.step) /
         static_cast<double>(plan_.steps_per_epoch());
}

TrainOutcome TrainLoop::run(RunLog& log) {
  auto const& config = parts_.config;
  Phase const phase(parts_.watchdog, "train",
                    deadline_s(config, config.watch.step_s));
  double const start_s = monotonic_s();
  pace_.since_s = loaded_.time_s = start_s;
  schedule_.restart();
  frozen_casts_.emplace(
      parts_.model, autocast_of(config.train.precision, parts_.device.type()));
  if (device_) device_->updater().set_scale(state_.loss_scale);
  auto& reader = *parts_.data.train.reader;
  if (has_steps_left()) reader.begin_step(state_.step);
  auto const batches = prefetch_batches(
      *parts_.data.train.loader, plan_, {state_.step, length_.total_steps},
      parts_.world.rank(), parts_.world.size(),
      loader_options(config, parts_.world.rank()));
  parts_.model.train();
  // Started again with what ended it before: there is nothing to do.
  stop_agreed_ =
      config.train.stop_after && state_.step >= *config.train.stop_after;
  try {
    run_steps(log, *batches);
    finish_save(log);
  } catch (AgreedError const&) {
    // All ranks are here, and what they had begun to save is good.
    if (auto const saved = caught([&] { finish_save(log); }); !saved)
      log_warn("{}", saved.error().what());
    throw;
  }

  settle_parameters();
  trace_.finish();
  if (device_) device_->close();
  bool const is_stopped =
      stop_agreed_ && (has_steps_left() || is_evaluation_due());
  return {.code = is_stopped ? ExitCode::requeue : ExitCode::done,
          .step = state_.step,
          .best_top1 = state_.best_top1,
          .train_s = monotonic_s() - start_s};
}

void TrainLoop::run_steps(RunLog& log, MicroBatchPrefetcher& batches) {
  auto& reader = *parts_.data.train.reader;
  // Stopped between a step and its validation.
  if (is_evaluation_due() && !stop_agreed_) validate(log);

  while (has_steps_left() && !stop_agreed_) {
    auto const plan = plan_.at(state_.step);
    reader.begin_step(state_.step);
    trace_.begin_step(state_.step);
    if (device_)
      step_on_device(plan, batches, log);
    else
      step_on_host(plan, batches, log);
    trace_.end_step();
    bool const is_last = !has_steps_left() || stop_agreed_;
    if (is_last || state_.step % plan_.steps_per_epoch() == 0)
      record_data(batches, log);

    double const pause_s = monotonic_s();
    // A validation may take long: what is done is safe before it begins.
    if (stop_agreed_ || is_checkpoint_due() || is_evaluation_due()) save(log);
    if (is_evaluation_due() && !stop_agreed_) validate(log);
    pace_.since_s += monotonic_s() - pause_s;
    paused_s_ += monotonic_s() - pause_s;
  }
}

void TrainLoop::step_on_host(StepPlan const& plan,
                             MicroBatchPrefetcher& batches, RunLog& log) {
  sums_->begin_step(plan.num_micro, plan.num_samples(),
                    state_.loss_scale.value);
  auto const mine = caught([&] { run_micro_batches(plan, batches, log); });
  settle_parameters();
  if (!mine) sums_->give_up_step();
  auto const sums = finish_exchange();
  agree_on_step(mine, log);
  {
    PartScope const part(own_, StepPart::optimizer);
    fault_point(parts_.world.rank(), "optimizer", plan.step);
    StepTrace::Span const span(trace_, "optimiser");
    double const begin_s = monotonic_s();
    update(sums, log);
    phases_.optimizer_s += monotonic_s() - begin_s;
  }
  record(plan, sums, batches, log);
}

void TrainLoop::run_micro_batches(StepPlan const& plan,
                                  MicroBatchPrefetcher& batches, RunLog& log) {
  guard_.begin_step();
  AutocastCacheKept const casts;
  fault_point(parts_.world.rank(), "train", state_.step);
  auto const mine =
      rank_range(plan.num_micro, parts_.world.rank(), parts_.world.size());
  for (auto index = mine.begin; index < mine.end; ++index) {
    double const data_s = monotonic_s();
    auto const batch = [&] {
      PartScope const part(own_, StepPart::data);
      fault_point(parts_.world.rank(), "data", state_.step);
      return batches.next();
    }();
    trace_.add("data", data_s, monotonic_s());
    GASM_ASSERT(batch && batch->step == plan.step && batch->index == index);
    num_loaded_ += static_cast<double>(batch->size());
    own_.num_clips += static_cast<double>(batch->size());
    show_frames(*batch, log);
    log_samples(parts_.world.rank(), *batch);
    run_micro_batch(plan, *batch);
    parts_.watchdog.progress(fmt::format("train step {}, micro-batch {} of {}",
                                         plan.step + 1, index + 1,
                                         plan.num_micro));
  }
}

void TrainLoop::run_micro_batch(StepPlan const& plan, MicroBatch const& batch) {
  // Dropout belongs to the micro-batch, whichever rank computes it.
  torch::manual_seed(
      mix_key({parts_.config.run.seed, static_cast<std::uint64_t>(plan.step),
               static_cast<std::uint64_t>(batch.index)}));
  if (device_) {
    PartScope const part(own_, StepPart::forward);
    return device_->add(batch);
  }
  double const begin_s = monotonic_s();
  auto const logits = [&] {
    PartScope const part(own_, StepPart::forward);
    fault_point(parts_.world.rank(), "forward", plan.step);
    BlockListenerGuard const listener(optimizer_->begin_forward());
    return forward_batch(parts_.model, batch, parts_.config.train.precision);
  }();
  auto const loss = faulty_loss(
      mixed_loss(logits, batch, parts_.config.optim.label_smoothing),
      parts_.world.rank(), plan.step);
  guard_.note_loss(batch.index, loss);
  PartScope const part(own_, StepPart::backward);
  fault_point(parts_.world.rank(), "backward", plan.step);
  backward_begin_s_ = monotonic_s();
  trace_.add("forward", begin_s, backward_begin_s_);
  sums_->add_micro_batch(loss, {.num_clips = batch.size(),
                                .num_top1 = count_top1(logits, batch),
                                .num_bad = batch.num_bad()});
  double const end_s = monotonic_s();
  trace_.add("backward", backward_begin_s_, end_s);
  phases_.forward_s += backward_begin_s_ - begin_s;
  phases_.backward_s += end_s - backward_begin_s_;
}

StepSums TrainLoop::finish_exchange() {
  Stage const stage("exchange");
  fault_point(parts_.world.rank(), "exchange", state_.step);
  double const begin_s = monotonic_s();
  auto const sums = sums_->finish_step();
  double const end_s = monotonic_s();
  trace_.add("wait for the exchange", begin_s, end_s);
  trace_.add_exchange(*sums_, backward_begin_s_);
  phases_.wait_s += end_s - begin_s;
  phases_.exchange.under_way_s += sums_->cost().under_way_s;
  phases_.exchange.exposed_s += sums_->cost().exposed_s;
  ++phases_.num_steps;
  return sums;
}

void TrainLoop::agree_on_step(Result<void> const& mine, RunLog& log) {
  Stage const stage("agree");
  auto const& config = parts_.config;
  bool const is_time = parts_.world.is_root() && schedule_.is_time_due();
  bool const is_end =
      config.train.stop_after && state_.step + 1 >= *config.train.stop_after;
  auto const saving = saver_.flags();
  fault_call(parts_.world, "exchange", state_.step);
  fault_weights(parts_.model, parts_.world.rank(), state_.step);
  std::array<double, 5 + RankChecks::num_values> flags = {
      mine ? 0.0 : 1.0, parts_.stop.requested() || is_end ? 1.0 : 0.0,
      is_time ? 1.0 : 0.0, saving.is_busy ? 1.0 : 0.0,
      saving.has_failed ? 1.0 : 0.0};
  auto const checksums = std::span(flags).last<RankChecks::num_values>();
  checks_.fill(checksums, state_.step);
  if (!is_call_skipped(parts_.world.rank(), "exchange", state_.step))
    parts_.world.all_reduce_max(std::span<double>(flags));
  if (flags[0] > 0) agree_ok(parts_.world, mine);
  checks_.compare(checksums, state_.step);
  advance_save({.is_busy = flags[3] > 0, .has_failed = flags[4] > 0}, log);
  stop_agreed_ = flags[1] > 0;
  save_agreed_ = flags[2] > 0;
}

void TrainLoop::update(StepSums const& sums, RunLog& log) {
  auto const& optim = parts_.config.optim;
  auto flat = sums_->flat_gradient();
  grad_norm_ = sums_->norm();
  lr_ = learning_rate(optim, state_.step, length_.warmup_steps,
                      length_.total_steps, length_.drop_steps);
  auto const health =
      health_of(sums.loss, grad_norm_,
                norms_.empty() ? at::Tensor() : sums_->mean_statistics(),
                state_.loss_scale);
  state_.skipped.count(health);
  if (health != StepHealth::finite) return skip(sums, health, log);
  clip_gradient(flat, grad_norm_, optim.clip_norm);
  optimizer_->step(sums_->gradients(), lr_);
  if (average_) {
    settle_parameters();
    average_->update();
  }
  state_.loss_scale = scaled(/*was_finite=*/true);
  if (!norms_.empty()) apply_running_update(norms_, sums_->mean_statistics());
  ++state_.step;
}

LossScale TrainLoop::scaled(bool was_finite) const {
  if (parts_.config.train.precision != Precision::fp16)
    return state_.loss_scale;
  return next_loss_scale(state_.loss_scale, was_finite);
}

void TrainLoop::settle_parameters() {
  if (optimizer_) optimizer_->settle();
}

TrainedParts TrainLoop::trained() {
  if (device_) return {parts_.model, device_->optimizer(), average_.get()};
  return {parts_.model, *optimizer_, average_.get()};
}

// The same numbers on all ranks, and so the same decision.
void TrainLoop::skip(StepSums const& sums, StepHealth health, RunLog& log) {
  ++state_.step;
  if (health == StepHealth::overflow) {
    state_.loss_scale = scaled(/*was_finite=*/false);
    log_info("step {} changes nothing (a gradient overflowed); loss scale {}",
             state_.step, state_.loss_scale.value);
    return;
  }
  report_skip(state_.step,
              describe_fault(sums.loss, grad_norm_,
                             guard_.find_culprits(parts_.world,
                                                  sums_->first_not_finite())),
              log);
}

void TrainLoop::report_skip(std::int64_t step, std::string const& what,
                            RunLog& log) {
  auto const budget = parts_.config.train.max_skipped_steps;
  if (!state_.skipped.is_beyond(budget)) {
    auto const text = fmt::format("step {} changes nothing ({})", step, what);
    log_warn("{}", text);
    agree_ok(parts_.world, log.alert(step, "skipped_step", text));
    return;
  }
  auto const diverged =
      divergence(step, what, state_.skipped, parts_.config.train);
  agree_ok(parts_.world, log.alert(step, "non_finite", diverged.what()));
  throw AgreedError(diverged);
}

void TrainLoop::record(StepPlan const& plan, StepSums const& sums,
                       MicroBatchPrefetcher const& batches, RunLog& log) {
  count_bad(plan.step, sums.num_bad, log);
  advance_pace(plan);
  if (is_histogram_due()) write_histograms(log);
  if (is_line_due()) write_line(sums, batches, log);
}

void TrainLoop::count_bad(std::int64_t step, std::int64_t num_bad,
                          RunLog& log) {
  if (step % plan_.steps_per_epoch() == 0) state_.epoch_bad = 0;
  if (num_bad == 0) return;
  state_.epoch_bad += num_bad;
  agree_ok(parts_.world, log.alert_bad_clips(step + 1, "training", num_bad));
  if (auto const fine =
          parts_.data.train.loader->check_budget(state_.epoch_bad);
      !fine)
    throw AgreedError(fine.error());
}

void TrainLoop::advance_pace(StepPlan const& plan) {
  pace_.num_clips += plan.num_samples();
  if (parts_.on_progress)
    parts_.on_progress("train", state_.step, length_.total_steps, "");
}

bool TrainLoop::is_line_due() const {
  return state_.step % parts_.config.log.every_steps == 0 ||
         !has_steps_left() || stop_agreed_;
}

bool TrainLoop::has_steps_left() const {
  return state_.step < length_.total_steps && !state_.ended_early;
}

bool TrainLoop::is_evaluation_due() const {
  bool const is_border = state_.step == length_.total_steps ||
                         (state_.step > 0 && length_.eval_every > 0 &&
                          state_.step % length_.eval_every == 0);
  return is_border && state_.evaluated_step != state_.step;
}

bool TrainLoop::is_checkpoint_due() const {
  return save_agreed_ || schedule_.is_step_due(state_.step);
}

void TrainLoop::validate(RunLog& log) {
  auto const& config = parts_.config;
  EvalResult result;
  {
    Phase const phase(parts_.watchdog, "evaluate",
                      deadline_s(config, config.watch.evaluate_s));
    fault_point(parts_.world.rank(), "evaluate", state_.step);
    settle_parameters();
    AveragedModel const averaged(average_.get());
    result = evaluate(
        parts_.world, *collective_, parts_.model, *parts_.data.val.loader,
        parts_.data.val.size(), parts_.data.num_classes,
        {.micro_batch = config.train.micro_batch,
         .num_threads = config.data.threads,
         .precision = config.train.precision,
         .device = parts_.device,
         .wants_confusion = config.log.tensorboard && config.log.images,
         .num_pooled = config.log.projector_samples,
         .on_progress =
             [&](auto done, auto total) {
               parts_.watchdog.progress(
                   fmt::format("evaluate {} of {}", done, total));
               if (parts_.on_progress)
                 parts_.on_progress("evaluate", done, total, "");
             },
         .should_stop = [&] { return parts_.stop.requested(); }});
  }
  if (!result.is_complete) {
    stop_agreed_ = true;
    return;
  }
  agree_ok(parts_.world, log.write_eval(state_.step, epoch(), result,
                                        *parts_.data.val.store));
  if (result.num_bad > 0)
    agree_ok(parts_.world,
             log.alert_bad_clips(state_.step, "validation", result.num_bad));
  state_.evaluated_step = state_.step;
  judge(result.top1);
  if (saved_step_ != state_.step) save(log);
  finish_save(log);
  agree_ok(parts_.world, log.sync());
  saver_.rescore(state_.step, result.top1,
                 checkpoint_facts(state_, identity_, trained()));
}

void TrainLoop::judge(double top1) {
  auto const& early_stop = parts_.config.train.early_stop;
  state_.best_top1 = std::max(top1, state_.best_top1.value_or(top1));
  if (!state_.gained_top1 ||
      top1 > *state_.gained_top1 + early_stop.min_delta) {
    state_.gained_top1 = top1;
    state_.evals_without_gain = 0;
    return;
  }
  ++state_.evals_without_gain;
  if (early_stop.patience > 0 &&
      state_.evals_without_gain >= early_stop.patience && has_steps_left()) {
    state_.ended_early = true;
    log_info("ended early: {} evaluations without a better top-1",
             early_stop.patience);
  }
}

}  // namespace gasm
