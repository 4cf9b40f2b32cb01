// SPDX-License-Identifier: Apache-2.0
// The training loop's step on a GPU. The host runs ahead of it: it hears of a
// step when the next one is on its way, or where it must know.
#include <cmath>
#include <limits>

#include "fault.hpp"
#include "gasm/base/log.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/eval/forward_batch.hpp"
#include "mixed_loss.hpp"
#include "schedule.hpp"
#include "train_loop.hpp"

namespace gasm {

void TrainLoop::start_device() {
  device_ = std::make_unique<DeviceStep>(
      parts_.world, parts_.config, parts_.device, parameters_, norms_,
      average_.get(), state_.loss_scale,
      [this](MicroBatch const& batch) { return score(batch); });
}

DeviceScores TrainLoop::score(MicroBatch const& batch) {
  auto const& config = parts_.config;
  fault_point(parts_.world.rank(), "forward", state_.step);
  auto const logits =
      forward_batch(parts_.model, batch, config.train.precision);
  return {faulty_loss(mixed_loss(logits, batch, config.optim.label_smoothing),
                      parts_.world.rank(), state_.step),
          top1_hits(logits, batch)};
}

namespace {

/// The share of what lies in the gradients that the optimiser got. Its kernels
/// write back what they divided by loss scale and clipping; a step that changed
/// nothing left the loss scale in.
double gradient_scale(StepOutcome const& outcome) {
  bool const is_done = outcome.has_finite_statistics &&
                       std::isfinite(outcome.loss) &&
                       std::isfinite(outcome.grad_norm);
  return is_done ? 1.0 : 1.0 / outcome.scale.value;
}

}  // namespace

void TrainLoop::step_on_device(StepPlan const& plan,
                               MicroBatchPrefetcher& batches, RunLog& log) {
  device_->begin_step(plan.step + 1, plan.num_micro, plan.num_samples());
  auto const mine = caught([&] { run_micro_batches(plan, batches, log); });
  if (!mine) device_->give_up_step();
  {
    Stage const stage("exchange");
    fault_point(parts_.world.rank(), "exchange", state_.step);
    device_->finish_exchange();
  }
  agree_on_step(mine, log);
  PartScope const part(own_, StepPart::optimizer);
  fault_point(parts_.world.rank(), "optimizer", plan.step);
  device_->update(learning_rate(parts_.config.optim, state_.step,
                                length_.warmup_steps, length_.total_steps,
                                length_.drop_steps));
  ++state_.step;
  advance_pace(plan);

  bool const is_line = is_line_due();
  bool const must_know = is_line || is_histogram_due() || is_checkpoint_due() ||
                         is_evaluation_due();
  auto const done = must_know ? device_->all_steps() : device_->earlier_steps();
  for (auto const& step : done) settle(step, log);
  if (must_know) state_.loss_scale = device_->updater().scale_now();
  if (is_histogram_due())
    write_histograms(log, gradient_scale(done.back().outcome));
  if (!is_line) return;
  auto const& last = done.back();
  lr_ = last.lr;
  grad_norm_ = last.outcome.grad_norm;
  write_line({.loss = last.outcome.loss,
              .top1 = last.outcome.top1,
              .num_bad = last.outcome.num_bad},
             batches, log);
}

void TrainLoop::settle(DoneStep const& done, RunLog& log) {
  auto const& outcome = done.outcome;
  count_bad(done.step - 1, outcome.num_bad, log);
  auto const statistics =
      outcome.has_finite_statistics
          ? at::Tensor()
          : at::full({1}, std::numeric_limits<double>::infinity());
  auto const health =
      health_of(outcome.loss, outcome.grad_norm, statistics, outcome.scale);
  state_.skipped.count(health);
  if (health == StepHealth::overflow)
    log_info("step {} changes nothing (a gradient overflowed); loss scale {}",
             done.step, outcome.scale.value / 2);
  else if (health == StepHealth::not_finite)
    report_skip(
        done.step,
        describe_fault(outcome.loss, outcome.grad_norm,
                       done.guard.find_culprits(parts_.world, std::nullopt)),
        log);
}

}  // namespace gasm
