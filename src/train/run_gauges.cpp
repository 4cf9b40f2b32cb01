// SPDX-License-Identifier: Apache-2.0
#include "run_gauges.hpp"

#include <array>
#include <system_error>

#include "gasm/base/clock.hpp"
#include "gasm/base/log.hpp"
#include "gasm/record/alerts.hpp"

namespace gasm {
namespace {

constexpr double kPeriod_s = 1.0;

/// A value of the curve, in Prometheus' base units.
struct Gauge {
  char const* split;
  char const* key;
  char const* name;
  double unit;
  char const* help;
  char const* phase = nullptr;  ///< its label
  PrometheusType type = PrometheusType::gauge;
};

constexpr char const* kPhaseHelp = "Time of a step of rank 0 by phase.";

// Values with one name stand together.
constexpr std::array kGauges = {
    Gauge{"train", "loss", "gasm_train_loss", 1,
          "Loss of the newest reported step, mean over its clips."},
    Gauge{"train", "top1", "gasm_train_top1_ratio", 1,
          "Share of that step's clips whose class had the highest score."},
    Gauge{"train", "lr", "gasm_train_learning_rate", 1,
          "Learning rate of that step."},
    Gauge{"train", "grad_norm", "gasm_train_gradient_norm", 1,
          "L2 norm of that step's gradient before clipping."},
    Gauge{"train", "num_bad", "gasm_train_bad_samples", 1,
          "Clips of that step that a substitute stood in for."},
    Gauge{"train", "num_skipped", "gasm_train_skipped_steps_total", 1,
          "Steps of the run that changed nothing.", nullptr,
          PrometheusType::counter},
    Gauge{"train", "clips_per_s", "gasm_train_samples_per_second", 1,
          "Clips trained on a second, over all ranks."},
    Gauge{"train", "data_wait", "gasm_train_data_wait_ratio", 1,
          "Share of the time that rank 0 waited for data."},
    Gauge{"train", "forward_ms", "gasm_train_phase_seconds", 1e-3, kPhaseHelp,
          "forward"},
    Gauge{"train", "backward_ms", "gasm_train_phase_seconds", 1e-3, kPhaseHelp,
          "backward"},
    Gauge{"train", "exchange_wait_ms", "gasm_train_phase_seconds", 1e-3,
          kPhaseHelp, "exchange_wait"},
    Gauge{"train", "optimizer_ms", "gasm_train_phase_seconds", 1e-3, kPhaseHelp,
          "optimizer"},
    Gauge{"train", "record_ms", "gasm_train_phase_seconds", 1e-3, kPhaseHelp,
          "record"},
    Gauge{"train", "checkpoint_ms", "gasm_checkpoint_stall_seconds", 1e-3,
          "Time that the newest checkpoints held up the steps of rank 0."},
    Gauge{"train", "exchange_hidden", "gasm_train_exchange_hidden_ratio", 1,
          "Share of the gradients' exchange during which backward went on."},
    Gauge{"train", "mfu", "gasm_train_mfu_ratio", 1,
          "Model FLOPs utilisation: arithmetic done of what the device can."},
    Gauge{"train", "memory_mb", "gasm_process_resident_memory_bytes", 1e6,
          "Resident memory of rank 0."},
    Gauge{"data", "read_gb_per_s", "gasm_data_read_bytes_per_second", 1e9,
          "Bytes read a second by all ranks, over the last epoch."},
    Gauge{"data", "load_ms", "gasm_data_load_seconds", 1e-3,
          "Time of a thread to load one clip, over the last epoch."},
    Gauge{"data", "queue_depth", "gasm_data_queue_batches", 1,
          "Micro-batches ready when one was asked for, over the last epoch."},
    Gauge{"data", "data_wait", "gasm_data_wait_ratio", 1,
          "Share of the time spent waiting for data, mean of the ranks."},
    Gauge{"val", "loss", "gasm_validation_loss", 1,
          "Loss of the last validation."},
    Gauge{"val", "top1", "gasm_validation_top1_ratio", 1,
          "Top-1 accuracy of the last validation."},
    Gauge{"val", "top5", "gasm_validation_top5_ratio", 1,
          "Top-5 accuracy of the last validation."},
    Gauge{"val", "mean_class_top1", "gasm_validation_mean_class_top1_ratio", 1,
          "Mean of the classes' top-1 accuracy in the last validation."},
    Gauge{"val", "num_bad", "gasm_validation_bad_samples", 1,
          "Clips of the last validation that could not be decoded."},
};

PrometheusLabels with(PrometheusLabels labels, std::string name,
                      std::string value) {
  labels.emplace_back(std::move(name), std::move(value));
  return labels;
}

}  // namespace

Result<RunGauges> RunGauges::open(std::filesystem::path path,
                                  RunFolder const& folder,
                                  std::string const& run_name,
                                  Manifest const& manifest) {
  RunGauges gauges(std::move(path), folder);
  gauges.run_ = {{"run", run_name}};
  gauges.info_ = {{"run", run_name},
                  {"host", manifest.host},
                  {"ranks", std::to_string(manifest.world_size)},
                  {"version", manifest.build.version},
                  {"commit", manifest.build.commit},
                  {"config_digest", manifest.config_digest}};
  gauges.start_s_ = unix_time_s();
  gauges.count_alerts();
  // A run that goes on is where it was, also before its next line.
  auto const lines = read_metrics(folder.metrics());
  if (!lines) return tl::unexpected(lines.error());
  for (auto const& line : *lines) gauges.note(line);
  if (auto written = gauges.write(); !written)
    return failure("{}. Try another log.prometheus, or none",
                   written.error().what());
  return gauges;
}

void RunGauges::note(MetricsLine const& line) {
  step_ = line.step;
  epoch_ = line.epoch;
  line_s_ = line.time_s;
  for (auto const& [name, value] : line.values)
    values_[{line.split, name}] = value;
}

void RunGauges::note_checkpoint(std::int64_t step) {
  checkpoint_step_ = step;
  checkpoint_s_ = unix_time_s();
}

void RunGauges::publish() {
  if (monotonic_s() - written_s_ >= kPeriod_s) publish_now();
}

void RunGauges::publish_now() {
  count_alerts();
  auto const written = write();
  if (written || has_warned_) return;
  has_warned_ = true;
  log_warn("{} (log.prometheus; the run goes on)", written.error().what());
}

Result<void> RunGauges::write() {
  written_s_ = monotonic_s();
  return publish_prometheus(path_, metrics());
}

void RunGauges::count_alerts() {
  std::error_code why;
  auto const size = std::filesystem::file_size(folder_.alerts(), why);
  if (why || size == alerts_size_) return;
  auto const all = read_alerts(folder_.alerts());
  if (!all) return;
  alerts_size_ = size;
  alerts_.clear();
  for (auto const& alert : *all) ++alerts_[alert.kind];
}

std::vector<PrometheusMetric> RunGauges::metrics() const {
  using enum PrometheusType;
  std::vector<PrometheusMetric> found;
  auto const add = [&](char const* name, char const* help, double value) {
    found.push_back({name, help, gauge, {{run_, value}}});
  };
  found.push_back({"gasm_run_info",
                   "What runs, where and of which build; always 1.",
                   gauge,
                   {{info_, 1}}});
  add("gasm_run_start_timestamp_seconds",
      "Unix time at which this start of the run began.", start_s_);
  PrometheusMetric states{"gasm_run_state",
                          "1 for the state that the run is in, else 0.",
                          gauge,
                          {}};
  for (auto const state :
       {RunState::running, RunState::done, RunState::stopped, RunState::failed})
    states.samples.emplace_back(with(run_, "state", to_string(state)),
                                state == state_ ? 1.0 : 0.0);
  found.push_back(std::move(states));
  if (line_s_ > 0) {
    add("gasm_train_step", "Steps done.", static_cast<double>(step_));
    add("gasm_train_epoch", "Epochs done, with their fraction.", epoch_);
    add("gasm_last_line_timestamp_seconds",
        "Unix time of the newest line of metrics.jsonl.", line_s_);
  }
  for (auto const& one : kGauges) {
    auto const value = values_.find({one.split, one.key});
    if (value == values_.end()) continue;
    auto const labels = one.phase ? with(run_, "phase", one.phase) : run_;
    if (found.back().name != one.name)
      found.push_back({one.name, one.help, one.type, {}});
    found.back().samples.emplace_back(labels, value->second * one.unit);
  }
  if (checkpoint_step_ >= 0) {
    add("gasm_last_checkpoint_step", "Step of the newest checkpoint.",
        static_cast<double>(checkpoint_step_));
    add("gasm_last_checkpoint_timestamp_seconds",
        "Unix time at which the newest checkpoint was complete; its age is "
        "time() minus this.",
        checkpoint_s_);
  }
  PrometheusMetric alerts{
      "gasm_alerts_total", "Lines of alerts.jsonl by kind.", counter, {}};
  for (auto const& [kind, num] : alerts_)
    alerts.samples.emplace_back(with(run_, "kind", kind), num);
  found.push_back(std::move(alerts));
  return found;
}

}  // namespace gasm
