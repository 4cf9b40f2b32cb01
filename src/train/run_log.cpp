// SPDX-License-Identifier: Apache-2.0
#include "run_log.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gasm/base/clock.hpp"
#include "gasm/base/log.hpp"
#include "gasm/base/memory_use.hpp"
#include "gasm/record/metrics_follower.hpp"

namespace gasm {

Result<RunLog> RunLog::open(Communicator const& world, RunFolder const& folder,
                            RunConfig const& config, Manifest manifest,
                            std::string const& model_summary,
                            std::optional<ResumePoint> resume,
                            double checkpoint_bytes) {
  RunLog log(folder, std::move(manifest));
  if (!world.is_root()) return log;
  if (auto done = write_manifest(folder.manifest(), log.manifest_); !done)
    return tl::unexpected(done.error());
  auto metrics =
      MetricsWriter::open(folder.metrics(), resume.value_or(ResumePoint{}));
  if (!metrics) return tl::unexpected(metrics.error());
  log.metrics_ = *std::move(metrics);
  log.open_alerts(config, checkpoint_bytes);
  if (config.log.tensorboard) {
    auto board =
        RunBoard::open(folder, config, log.manifest_, model_summary,
                       resume ? std::optional(resume->step) : std::nullopt);
    if (!board) return tl::unexpected(board.error());
    log.board_ = *std::move(board);
  }
  if (!config.log.prometheus.empty()) {
    auto gauges = RunGauges::open(config.log.prometheus, folder,
                                  config.run.name, log.manifest_);
    if (!gauges) return tl::unexpected(gauges.error());
    log.gauges_ = *std::move(gauges);
    if (resume) log.gauges_->note_checkpoint(resume->step);
  }
  return log;
}

void RunLog::open_alerts(RunConfig const& config, double checkpoint_bytes) {
  auto const& alerts = config.alerts;
  judge_.emplace(AlertLimits{.loss_spike = alerts.loss_spike,
                             .top1_drop = alerts.top1_drop,
                             .data_wait = alerts.data_wait,
                             .bad_clips = alerts.bad_clips,
                             .clips_per_step = config.train.global_batch});
  MetricsFollower old_curve(folder_.metrics());
  if (auto const read = old_curve.update(); !read)
    log_warn("{}", read.error().what());
  for (auto const& line : old_curve.lines()) judge_->judge(line);
  desk_ = std::make_unique<AlertDesk>(
      folder_.alerts(), alerts.cooldown_s,
      AlertCommandOptions{.command = alerts.command,
                          .limit_s = alerts.command_limit_s,
                          .run_folder = folder_.root(),
                          .log = folder_.alert_command_log()});
  watch_ = std::make_unique<RunWatch>(
      *desk_,
      RunWatchOptions{.stall_factor = alerts.stall_factor,
                      .stall_s = alerts.stall_s,
                      .checkpoints = folder_.checkpoints(),
                      .disk_bytes = alerts.disk_gb
                                        ? std::optional(*alerts.disk_gb * 1e9)
                                        : std::nullopt,
                      .first_checkpoint_bytes = checkpoint_bytes});
}

void RunLog::note_progress(std::string_view what, std::int64_t done) {
  if (!watch_) return;
  if (what == "train")
    watch_->note_step(done);
  else
    watch_->note_life();
}

Result<void> RunLog::write_line(MetricsLine line) {
  if (!metrics_) return {};
  line.time_s = unix_time_s();
  auto const alerts = judge_->judge(line);
  if (board_)
    if (auto done = board_->write_line(line); !done) return done;
  if (gauges_) gauges_->note(line);
  auto written = metrics_->write(std::move(line));
  if (gauges_) gauges_->publish();
  if (!written) return written;
  for (auto const& alert : alerts)
    if (auto done = desk_->raise(alert); !done) return done;
  return {};
}

Result<void> RunLog::write_step(StepReport const& report) {
  double const begin_s = monotonic_s();
  log_info(
      "step {:6}  epoch {:6.2f}  loss {:.4f}  top1 {:5.1f} %  lr {:.2e}  "
      "{:.1f} clips/s",
      report.step, report.epoch, report.loss, 100 * report.top1, report.lr,
      report.clips_per_s);
  headline_ = fmt::format("loss {:.4f}, {:.1f} clips/s, data wait {:.0f} %",
                          report.loss, report.clips_per_s,
                          100 * report.data_wait_fraction);
  auto const& phases = report.phases;
  auto const ms_a_step = [&](double seconds) {
    return 1e3 * seconds / std::max(1, phases.num_steps);
  };
  MetricsLine line{
      .time_s = 0.0,
      .step = report.step,
      .epoch = report.epoch,
      .split = "train",
      .values = {{"loss", report.loss},
                 {"top1", report.top1},
                 {"lr", report.lr},
                 {"grad_norm", report.grad_norm},
                 {"num_bad", static_cast<double>(report.num_bad)},
                 {"num_skipped", static_cast<double>(report.num_skipped)},
                 {"clips_per_s", report.clips_per_s},
                 {"data_wait", report.data_wait_fraction}}};
  auto const add = [&](char const* name, double value) {
    line.values.emplace_back(name, value);
  };
  if (phases.num_steps > 0) {
    add("forward_ms", ms_a_step(phases.forward_s));
    add("backward_ms", ms_a_step(phases.backward_s));
    add("exchange_wait_ms", ms_a_step(phases.wait_s));
    add("optimizer_ms", ms_a_step(phases.optimizer_s));
    add("exchange_hidden", phases.exchange.hidden());
  }
  if (phases.checkpoint_s > 0) add("checkpoint_ms", 1e3 * phases.checkpoint_s);
  if (report.skew) {
    add("rank_skew", report.skew->factor);
    add("slowest_rank", report.skew->rank);
  }
  if (report.mfu) add("mfu", *report.mfu);
  add("memory_mb", static_cast<double>(resident_bytes()) * 1e-6);
  if (record_s_ > 0) add("record_ms", 1e3 * record_s_);
  auto written = write_line(std::move(line));
  record_s_ = monotonic_s() - begin_s;
  return written;
}

Result<void> RunLog::write_data(DataReport const& report) {
  log_info(
      "step {:6}  epoch {:6.2f}  data: {:.3f} GB/s read, {:.1f} ms a clip to "
      "load, {:.1f} batches ready, {:.1f} % of the time waiting for data",
      report.step, report.epoch, report.read_gb_per_s, report.load_ms,
      report.queue_depth, 100 * report.data_wait_fraction);
  return write_line({.time_s = 0.0,
                     .step = report.step,
                     .epoch = report.epoch,
                     .split = "data",
                     .values = {{"read_gb_per_s", report.read_gb_per_s},
                                {"load_ms", report.load_ms},
                                {"queue_depth", report.queue_depth},
                                {"data_wait", report.data_wait_fraction}}});
}

Result<void> RunLog::write_eval(std::int64_t step, double epoch,
                                EvalResult const& result,
                                SampleStore const& store) {
  log_info(
      "step {:6}  epoch {:6.2f}  validation: loss {:.4f}  top1 {:.2f} %  top5 "
      "{:.2f} %  ({} clips{})",
      step, epoch, result.loss, 100 * result.top1, 100 * result.top5,
      result.num_clips,
      result.num_bad > 0 ? fmt::format(", {} bad", result.num_bad) : "");
  if (board_)
    if (auto done = board_->write_eval(step, result, store); !done) return done;
  return write_line(
      {.time_s = 0.0,
       .step = step,
       .epoch = epoch,
       .split = "val",
       .values = {{"loss", result.loss},
                  {"top1", result.top1},
                  {"top5", result.top5},
                  {"mean_class_top1", result.mean_class_top1},
                  {"num_bad", static_cast<double>(result.num_bad)}}});
}

Result<void> RunLog::alert(std::int64_t step, std::string const& kind,
                           std::string const& text) {
  if (!metrics_) return {};
  return desk_->raise({.step = step, .kind = kind, .text = text});
}

Result<void> RunLog::alert_bad_clips(std::int64_t step, std::string_view what,
                                     std::int64_t num_bad) {
  if (judge_ && what == "training")
    if (auto const many = judge_->judge_bad_clips(step, num_bad))
      if (auto done = desk_->raise(*many); !done) return done;
  return alert(step, "bad_sample",
               fmt::format("{} {} clip{} could not be decoded at step {} (the "
                           "logs name them).",
                           num_bad, what, num_bad == 1 ? "" : "s", step));
}

Result<void> RunLog::sync() {
  return metrics_ ? metrics_->sync() : Result<void>{};
}

void RunLog::note_checkpoint(std::int64_t step) {
  if (!gauges_) return;
  gauges_->note_checkpoint(step);
  gauges_->publish();
}

Result<void> RunLog::finish(RunState state, std::string const& message) {
  if (!metrics_) return {};
  if (auto done = sync(); !done) return done;
  if (gauges_) {
    gauges_->note_state(state);
    gauges_->publish_now();
  }
  if (board_)
    if (auto done = board_->finish(state); !done) return done;
  manifest_.state = state;
  manifest_.message = message;
  manifest_.end_time = utc_timestamp();
  return write_manifest(folder_.manifest(), manifest_);
}

}  // namespace gasm
