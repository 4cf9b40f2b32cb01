// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/metrics.hpp"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "gasm/base/clock.hpp"
#include "json_lines.hpp"

namespace gasm {
namespace {

Result<std::string> read_if_there(std::filesystem::path const& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::string();
  return read_text(path);
}

/// What of a curve stays and what is cut when a run goes on.
struct Split {
  std::string kept;
  std::string cut;
};

bool is_replayed(MetricsLine const& line, ResumePoint const& resume) {
  if (line.split == "val" && resume.evaluated_step &&
      line.step > *resume.evaluated_step)
    return true;
  return line.step > resume.step;
}

Split split_lines(std::string_view text, std::optional<ResumePoint> resume) {
  Split split;
  auto const whole = record_detail::whole_lines(text);
  auto rest = whole;
  while (!rest.empty()) {
    auto const line = record_detail::take_line(rest);
    auto const parsed = parse_metrics_line(line);
    // A line that cannot be read stays, for its reader to report.
    bool const is_cut = resume && parsed && is_replayed(*parsed, *resume);
    (is_cut ? split.cut : split.kept).append(line).append("\n");
  }
  if (whole.size() < text.size())
    split.cut.append(text.substr(whole.size())).append("\n");
  return split;
}

Result<void> append_text(std::filesystem::path const& path,
                         std::string const& text) {
  auto file = FileWriter::open(path, FileWriter::Mode::append);
  if (!file) return tl::unexpected(file.error());
  if (auto written = file->write(text); !written) return written;
  if (auto synced = file->sync(); !synced) return synced;
  return file->close();
}

}  // namespace

Result<MetricsLine> parse_metrics_line(std::string_view text) {
  // ordered_json keeps the values in the order in which they were written.
  try {
    auto const json = nlohmann::ordered_json::parse(text);
    MetricsLine line;
    line.time_s = json.at("t");
    line.step = json.at("step");
    line.epoch = json.at("epoch");
    line.split = json.at("split");
    for (auto const& [name, value] : json.at("m").items())
      line.values.emplace_back(
          name, value.is_null() ? std::numeric_limits<double>::quiet_NaN()
                                : value.get<double>());
    return line;
  } catch (nlohmann::json::exception const& e) {
    return failure("{}", e.what());
  }
}

std::optional<double> find_value(MetricsLine const& line,
                                 std::string_view name) {
  for (auto const& [key, value] : line.values)
    if (key == name) return value;
  return std::nullopt;
}

std::string format_metrics_line(MetricsLine const& line) {
  using namespace record_detail;
  std::string values;
  for (auto const& [name, value] : line.values)
    values += fmt::format("{}{}: {}", values.empty() ? "" : ", ",
                          to_json_string(name), to_json_number(value));
  return fmt::format(
      R"({{"t": {}, "step": {}, "epoch": {}, "split": {}, "m": {{{}}}}})",
      to_json_time(line.time_s), line.step, to_json_number(line.epoch),
      to_json_string(line.split), values);
}

Result<MetricsWriter> MetricsWriter::open(std::filesystem::path const& path,
                                          std::optional<ResumePoint> resume) {
  auto const text = read_if_there(path);
  if (!text) return tl::unexpected(text.error());
  auto const split = split_lines(*text, resume);
  if (!split.cut.empty()) {
    auto copy = path;
    copy += ".replayed";
    if (auto saved = append_text(copy, split.cut); !saved)
      return tl::unexpected(saved.error());
    // Whole or not at all: a run killed here still finds its old curve.
    if (auto published = publish_file(path, split.kept); !published)
      return tl::unexpected(published.error());
  }
  auto file = FileWriter::open(path, FileWriter::Mode::append);
  if (!file) return tl::unexpected(file.error());
  return MetricsWriter(*std::move(file), split.kept.size());
}

Result<void> MetricsWriter::write(MetricsLine line) {
  if (line.time_s == 0.0) line.time_s = unix_time_s();
  auto const text = format_metrics_line(line) + "\n";
  if (file_.size_bytes() > good_size_bytes_)
    if (auto mended = file_.truncate(good_size_bytes_); !mended) return mended;
  if (auto written = file_.write(text); !written) return written;
  good_size_bytes_ += text.size();
  return {};
}

Result<std::vector<MetricsLine>> read_metrics(
    std::filesystem::path const& path) {
  auto const text = read_text(path);
  if (!text) return tl::unexpected(text.error());
  std::vector<MetricsLine> lines;
  auto rest = record_detail::whole_lines(*text);
  while (!rest.empty()) {
    auto line = parse_metrics_line(record_detail::take_line(rest));
    if (!line)
      return failure("{}:{}: not a metrics line ({}).", path.string(),
                     lines.size() + 1, line.error().what());
    lines.push_back(*std::move(line));
  }
  return lines;
}

}  // namespace gasm
