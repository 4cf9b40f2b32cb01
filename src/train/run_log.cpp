// SPDX-License-Identifier: Apache-2.0
#include "run_log.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gasm/base/clock.hpp"
#include "gasm/base/log.hpp"
#include "gasm/base/memory_use.hpp"
#include "gasm/record/alerts.hpp"

namespace gasm {

Result<RunLog> RunLog::open(Communicator const& world, RunFolder const& folder,
                            RunConfig const& config, Manifest manifest,
                            std::string const& model_summary,
                            std::optional<ResumePoint> resume) {
  RunLog log(folder, std::move(manifest));
  if (!world.is_root()) return log;
  if (auto done = write_manifest(folder.manifest(), log.manifest_); !done)
    return tl::unexpected(done.error());
  auto metrics = MetricsWriter::open(folder.metrics(), folder.alerts(),
                                     resume.value_or(ResumePoint{}));
  if (!metrics) return tl::unexpected(metrics.error());
  log.metrics_ = *std::move(metrics);
  if (config.log.tensorboard) {
    auto board = RunBoard::open(folder, config, log.manifest_, model_summary,
                                resume ? std::optional(resume->step)
                                       : std::nullopt);
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

Result<void> RunLog::write_line(MetricsLine line) {
  if (!metrics_) return {};
  line.time_s = unix_time_s();
  if (board_)
    if (auto done = board_->write_line(line); !done) return done;
  if (gauges_) gauges_->note(line);
  auto const written = metrics_->write(std::move(line));
  if (gauges_) gauges_->publish();
  return written;
}

Result<void> RunLog::write_step(StepReport const& report) {
  double const begin_s = monotonic_s();
  log_info(
      "step {:6}  epoch {:6.2f}  loss {:.4f}  top1 {:5.1f} %  lr {:.2e}  "
      "{:.1f} clips/s",
      report.step, report.epoch, report.loss, 100 * report.top1, report.lr,
      report.clips_per_s);
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
  if (report.skew) {
    add("rank_skew", report.skew->factor);
    add("slowest_rank", report.skew->rank);
  }
  if (report.mfu) add("mfu", *report.mfu);
  add("memory_mb", static_cast<double>(resident_bytes()) * 1e-6);
  if (record_s_ > 0) add("record_ms", 1e3 * record_s_);
  auto const written = write_line(std::move(line));
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
  return append_alert(folder_.alerts(),
                      {.step = step, .kind = kind, .text = text});
}

Result<void> RunLog::alert_bad_clips(std::int64_t step, std::string_view what,
                                     std::int64_t num_bad) {
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
