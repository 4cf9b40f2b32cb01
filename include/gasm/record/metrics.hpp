// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gasm/base/file.hpp"
#include "gasm/base/result.hpp"

namespace gasm {

/// One line of metrics.jsonl:
/// {"t": 1700000000.123, "step": 120, "epoch": 1.5, "split": "train",
///  "m": {"loss": 1.23, "lr": 0.001}}
/// `values` keep their order. A missing value reads back as NaN.
struct MetricsLine {
  double time_s = 0.0;  ///< Unix time; 0: filled in when it is written
  std::int64_t step = 0;
  double epoch = 0.0;
  std::string split;  ///< train, val, ...
  std::vector<std::pair<std::string, double>> values;
};

/// The line without its newline. Values have 9 significant digits, which
/// carry a float bit for bit; values that are not finite stand as null.
std::string format_metrics_line(MetricsLine const& line);

/// A line as it stands in the file, without its newline.
Result<MetricsLine> parse_metrics_line(std::string_view text);

/// The value of that name; none if the line has none.
std::optional<double> find_value(MetricsLine const& line,
                                 std::string_view name);

/// What a resumed run keeps of its curve: lines up to this step.
struct ResumePoint {
  std::int64_t step = 0;
  /// Lines of validations ("val") up to this one; none: up to `step`. A run
  /// that was killed after a validation and before its checkpoint repeats it.
  std::optional<std::int64_t> evaluated_step = {};
};

/// Appends to metrics.jsonl, each line by one write, so that a reader beside
/// the run sees whole lines (and at most one unfinished last one).
class MetricsWriter {
 public:
  /// Opens or creates the file. An unfinished last line is cut off. With
  /// `resume`, lines of later steps are cut off too, for the run will write
  /// them again: each step stands once. What is cut is first appended to
  /// PATH.replayed.
  static Result<MetricsWriter> open(std::filesystem::path const& path,
                                    std::optional<ResumePoint> resume = {});

  /// After a failed write the file may end in part of a line; the next write
  /// or open mends it.
  Result<void> write(MetricsLine line);

  /// Writes through to the disk, e.g. before a checkpoint is published.
  Result<void> sync() { return file_.sync(); }

 private:
  MetricsWriter(FileWriter file, std::uint64_t good_size_bytes)
      : file_(std::move(file)), good_size_bytes_(good_size_bytes) {}

  FileWriter file_;
  std::uint64_t good_size_bytes_;
};

/// All lines, oldest first. An unfinished last line is left out; any other
/// line that is no metrics line is an error that names its number.
Result<std::vector<MetricsLine>> read_metrics(
    std::filesystem::path const& path);

}  // namespace gasm
