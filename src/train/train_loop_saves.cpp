// SPDX-License-Identifier: Apache-2.0
// What the training loop saves, and goes on from.
#include <functional>

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
  if (!found) {
    tidy_checkpoints();
    return std::nullopt;
  }
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
  tidy_checkpoints();
  log_info("resumed from step {} of {}", state_.step, length_.total_steps);
  return ResumePoint{state_.step, state_.evaluated_step};
}

void TrainLoop::tidy_checkpoints() {
  if (parts_.world.is_root()) checkpoints_.tidy();
}

void TrainLoop::save(RunLog& log) {
  Phase const phase(parts_.watchdog, "save checkpoint",
                    deadline_s(parts_.config, parts_.config.watch.save_s));
  wait_for_save(log);
  double const begin_s = monotonic_s();
  fault_point(parts_.world.rank(), "save", state_.step);
  settle_parameters();
  FrozenCasts::Pause const pause(*frozen_casts_);
  agree_ok(parts_.world, log.sync());
  saver_.begin(make_checkpoint(state_, identity_, trained()));
  saved_step_ = state_.step;
  saved_s_ = monotonic_s();
  save_held_s_ = saved_s_ - begin_s;
  phases_.checkpoint_s += save_held_s_;
  schedule_.restart();
  // A validation may take long, and a run that ends is not to come back.
  if (!parts_.config.checkpoint.async || stop_agreed_ || is_evaluation_due() ||
      !has_steps_left())
    wait_for_save(log);
}

void TrainLoop::advance_save(CheckpointSaver::Flags any, RunLog& log) {
  if (!saver_.is_in_flight() || (any.is_busy && !any.has_failed)) return;
  Phase const phase(parts_.watchdog, "save checkpoint",
                    deadline_s(parts_.config, parts_.config.watch.save_s));
  hold_for_save([&] { saver_.advance(any); }, log);
}

void TrainLoop::wait_for_save(RunLog& log) {
  if (saver_.is_in_flight()) hold_for_save([&] { saver_.finish(); }, log);
}

void TrainLoop::hold_for_save(std::function<void()> const& what, RunLog& log) {
  double const begin_s = monotonic_s();
  what();
  double const end_s = monotonic_s();
  save_held_s_ += end_s - begin_s;
  phases_.checkpoint_s += end_s - begin_s;
  if (saver_.is_in_flight()) return;
  log_info(
      "step {:6}  checkpoint: published after {:.2f} s, held up the steps "
      "for {:.3f} s",
      saved_step_, end_s - saved_s_, save_held_s_);
  log.note_checkpoint(saved_step_);
  schedule_.note_cost(save_held_s_);
  if (auto const news = schedule_.take_news()) log_info("{}", *news);
}

void TrainLoop::finish_save(RunLog& log) {
  Phase const phase(parts_.watchdog, "save checkpoint",
                    deadline_s(parts_.config, parts_.config.watch.save_s));
  wait_for_save(log);
}

}  // namespace gasm
