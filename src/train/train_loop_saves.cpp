// SPDX-License-Identifier: Apache-2.0
// What the training loop saves, and goes on from.
#include "fault.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/base/log.hpp"
#include "gasm/comm/agree.hpp"
#include "start_point.hpp"
#include "train_loop.hpp"

namespace gasm {

std::optional<ResumePoint> TrainLoop::resume() {
  Phase const phase(parts_.watchdog, "load checkpoint",
                    deadline_s(parts_.config, parts_.config.watch.load_s));
  fault_point(parts_.world.rank(), "load");
  auto const found =
      find_start(parts_.world, checkpoints_, parts_.config.checkpoint.resume);
  if (!found) return std::nullopt;
  auto const& checkpoint = found->checkpoint;
  state_ = agree_call(parts_.world, [&] {
    check_experiment(checkpoint, parts_.config, parts_.model);
    return restore_checkpoint(checkpoint, identity_, trained());
  });
  state_.started_from = found->started_from;
  resumed_from_ = checkpoint.path.string();
  // That of another run is not in this run's folder.
  if (checkpoint.path.parent_path() == checkpoints_.folder())
    saved_step_ = state_.step;
  log_info("resumed from step {} of {}", state_.step, length_.total_steps);
  return ResumePoint{state_.step, state_.evaluated_step};
}

void TrainLoop::save(RunLog& log) {
  Phase const phase(parts_.watchdog, "save checkpoint",
                    deadline_s(parts_.config, parts_.config.watch.save_s));
  double const begin_s = monotonic_s();
  wait_for_save(log);
  fault_point(parts_.world.rank(), "save", state_.step);
  settle_parameters();
  FrozenCasts::Pause const pause(*frozen_casts_);
  agree_ok(parts_.world, log.sync());
  saver_.begin(make_checkpoint(state_, identity_, trained()));
  saved_step_ = state_.step;
  // A validation may take long, and a run that ends is not to come back.
  if (stop_agreed_ || is_evaluation_due() || !has_steps_left())
    wait_for_save(log);
  schedule_.restart();
  schedule_.note_cost(monotonic_s() - begin_s);
  if (auto const news = schedule_.take_news()) log_info("{}", *news);
}

void TrainLoop::advance_save(bool any_busy, bool any_failed, RunLog& log) {
  bool const was_in_flight = saver_.is_in_flight();
  saver_.advance(any_busy, any_failed);
  if (was_in_flight && !saver_.is_in_flight()) log.note_checkpoint(saved_step_);
}

void TrainLoop::wait_for_save(RunLog& log) {
  if (!saver_.is_in_flight()) return;
  saver_.finish();
  log.note_checkpoint(saved_step_);
}

void TrainLoop::finish_save(RunLog& log) {
  Phase const phase(parts_.watchdog, "save checkpoint",
                    deadline_s(parts_.config, parts_.config.watch.save_s));
  wait_for_save(log);
}

}  // namespace gasm
