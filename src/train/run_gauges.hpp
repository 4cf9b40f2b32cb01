// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gasm/base/result.hpp"
#include "gasm/record/manifest.hpp"
#include "gasm/record/metrics.hpp"
#include "gasm/record/prometheus.hpp"
#include "gasm/record/run_folder.hpp"

namespace gasm {

/// The newest figures of a run as Prometheus reads them, on rank 0 alone. The
/// file is written at most once a second, for scrapers come more seldom.
class RunGauges {
 public:
  /// Writes the file for the first time, with the figures of the lines that
  /// metrics.jsonl has.
  static Result<RunGauges> open(std::filesystem::path path,
                                RunFolder const& folder,
                                std::string const& run_name,
                                Manifest const& manifest);

  void note(MetricsLine const& line);
  void note_checkpoint(std::int64_t step);
  void note_state(RunState state) { state_ = state; }
  /// Writes if that is due. The run goes on without a file that cannot be
  /// written: one warning says so.
  void publish();
  /// The same without waiting for a second to pass.
  void publish_now();

  /// Exactly what is written.
  std::vector<PrometheusMetric> metrics() const;

 private:
  RunGauges(std::filesystem::path path, RunFolder folder)
      : path_(std::move(path)), folder_(std::move(folder)) {}
  void count_alerts();
  Result<void> write();

  std::filesystem::path path_;
  RunFolder folder_;
  PrometheusLabels run_;   ///< of every sample: files of several runs meet
  PrometheusLabels info_;  ///< what does not change while it runs
  double start_s_ = 0.0;
  RunState state_ = RunState::running;
  std::int64_t step_ = 0;
  double epoch_ = 0.0;
  double line_s_ = 0.0;  ///< Unix time of the last line
  std::map<std::pair<std::string, std::string>, double> values_;
  std::int64_t checkpoint_step_ = -1;
  double checkpoint_s_ = 0.0;
  std::map<std::string, double> alerts_;  ///< by kind
  std::uintmax_t alerts_size_ = 0;        ///< of the file that was counted
  double written_s_ = 0.0;
  bool has_warned_ = false;
};

}  // namespace gasm
