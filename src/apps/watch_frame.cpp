// SPDX-License-Identifier: Apache-2.0
#include "watch_frame.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "braille_plot.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/base/duration_text.hpp"

namespace gasm {
namespace {

constexpr std::size_t kEtaLines = 50;
constexpr std::size_t kShownAlerts = 3;
constexpr int kLeastPlotRows = 3;
constexpr int kMostPlotRows = 12;

/// Escape sequences, or nothing.
struct Colours {
  char const* bold = "";
  char const* red = "";
  char const* green = "";
  char const* yellow = "";
  char const* blue = "";
  char const* end = "";
};

Colours colours(bool are_wanted) {
  if (!are_wanted) return {};
  return {"\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m", "\x1b[0m"};
}

/// The bytes of the first `columns` characters. Control characters, which a
/// foreign text may hold, become blanks.
std::string cut(std::string_view text, int columns) {
  std::string kept;
  int count = 0;
  for (char const byte : text) {
    bool const begins = (static_cast<unsigned char>(byte) & 0xc0) != 0x80;
    if (begins && count++ == columns) break;
    bool const is_control =
        static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f;
    kept += is_control ? ' ' : byte;
  }
  return kept;
}

MetricsLine const* last_of(std::vector<MetricsLine> const& lines,
                           std::string_view split) {
  auto const found =
      std::find_if(lines.rbegin(), lines.rend(),
                   [&](auto const& line) { return line.split == split; });
  return found == lines.rend() ? nullptr : &*found;
}

std::vector<PlotPoint> points_of(std::vector<MetricsLine> const& lines,
                                 std::string_view split,
                                 std::string_view name) {
  std::vector<PlotPoint> points;
  for (auto const& line : lines)
    if (line.split == split)
      if (auto const value = find_value(line, name))
        points.push_back({line.step, *value});
  return points;
}

char const* colour_of(RunCondition condition, Colours const& colour) {
  switch (condition) {
    case RunCondition::running:
    case RunCondition::done:
      return colour.green;
    case RunCondition::starting:
    case RunCondition::stopped:
      return colour.yellow;
    case RunCondition::failed:
    case RunCondition::dead:
    case RunCondition::damaged:
      return colour.red;
  }
  return "";
}

/// "name  running  (2 ranks on host, for 5 min 10 s)"
std::string title(RunStatus const& status, int columns, Colours const& colour) {
  auto const name = status.path.lexically_normal().string();
  auto const word = to_string(status.condition);
  std::string more;
  if (status.manifest)
    more = fmt::format("{} rank{} on {}, last sign of life {} ago",
                       status.manifest->world_size,
                       status.manifest->world_size == 1 ? "" : "s",
                       status.manifest->host, duration_text(status.age_s));
  auto const text = cut(fmt::format("{}  {}  {}", name, word, more), columns);
  auto const at = text.find("  " + word);
  if (at == std::string::npos) return colour.bold + text + colour.end;
  auto const end = at + 2 + word.size();
  return colour.bold + text.substr(0, at) + colour.end + "  " +
         colour_of(status.condition, colour) +
         text.substr(at + 2, word.size()) + colour.end + text.substr(end);
}

/// "step 120 of 900  [######      ] 13 %  left 3 min 10 s"
std::string progress(WatchedRun const& run, int columns) {
  auto const& status = run.status;
  auto const total =
      status.manifest ? status.manifest->total_steps : std::nullopt;
  if (!total || *total <= 0)
    return cut(fmt::format("step {}", status.step), columns);
  double const share = std::clamp(
      static_cast<double>(status.step) / static_cast<double>(*total), 0.0, 1.0);
  std::string left;
  if (status.condition == RunCondition::running)
    if (auto const seconds = seconds_left(run.lines, *total))
      left = fmt::format("  {} left", duration_text(*seconds));
  constexpr int bar = 24;
  auto const filled = static_cast<std::size_t>(std::floor(share * bar));
  return cut(
      fmt::format("step {} of {}  [{:<{}}] {:.0f} %{}", status.step, *total,
                  std::string(filled, '#'), bar, 100 * share, left),
      columns);
}

/// The last line of training, in words.
std::string speed(WatchedRun const& run, int columns) {
  auto const* line = last_of(run.lines, "train");
  if (line == nullptr) return "";
  std::string text = fmt::format("epoch {:.2f}", line->epoch);
  auto const add = [&](char const* name, auto const& text_of) {
    auto const value = find_value(*line, name);
    if (value && std::isfinite(*value)) text += "  " + text_of(*value);
  };
  add("loss", [](double x) { return fmt::format("loss {:.4f}", x); });
  add("top1", [](double x) { return fmt::format("top-1 {:.1f} %", 100 * x); });
  add("lr", [](double x) { return fmt::format("lr {:.2e}", x); });
  add("clips_per_s", [](double x) { return fmt::format("{:.1f} clips/s", x); });
  add("data_wait",
      [](double x) { return fmt::format("data wait {:.0f} %", 100 * x); });
  add("mfu", [](double x) { return fmt::format("mfu {:.1f} %", 100 * x); });
  add("memory_mb", [](double x) { return fmt::format("{:.0f} MB", x); });
  return cut(text, columns);
}

/// "40.2 ms a step: forward 12.0, backward 20.1, ..."
std::string phases(WatchedRun const& run, int columns) {
  auto const* line = last_of(run.lines, "train");
  if (line == nullptr) return "";
  constexpr std::array<std::pair<char const*, char const*>, 4> names = {
      {{"forward_ms", "forward"},
       {"backward_ms", "backward"},
       {"exchange_wait_ms", "exchange"},
       {"optimizer_ms", "optimizer"}}};
  std::string text;
  double sum = 0;
  for (auto const& [key, word] : names)
    if (auto const value = find_value(*line, key)) {
      sum += *value;
      text +=
          fmt::format("{} {} {:.1f}", text.empty() ? "" : ",", word, *value);
    }
  if (text.empty()) return "";
  return cut(fmt::format("{:.1f} ms a step:{}", sum, text), columns);
}

std::vector<std::string> alert_lines(WatchedRun const& run, int columns,
                                     Colours const& colour) {
  std::vector<std::string> text;
  if (!run.status.problem.empty())
    text.push_back(colour.red + cut(run.status.problem, columns) + colour.end);
  if (run.num_damaged > 0)
    text.push_back(cut(
        fmt::format("{} lines of metrics.jsonl are damaged", run.num_damaged),
        columns));
  auto const& alerts = run.alerts;
  if (alerts.empty()) return text;
  text.push_back(cut(fmt::format("alerts: {}", alerts.size()), columns));
  auto const first = alerts.size() - std::min(alerts.size(), kShownAlerts);
  double const now_s = unix_time_s();
  for (auto i = first; i < alerts.size(); ++i)
    text.push_back(colour.yellow +
                   cut(fmt::format("  {} ago  {}: {}",
                                   duration_text(now_s - alerts[i].time_s),
                                   alerts[i].kind, alerts[i].text),
                       columns) +
                   colour.end);
  return text;
}

void add_plot(std::vector<std::string>& text, WatchedRun const& run,
              char const* name, PlotOptions const& options) {
  for (auto& line : braille_plot(points_of(run.lines, "train", name),
                                 points_of(run.lines, "val", name), options))
    text.push_back(std::move(line));
}

}  // namespace

std::optional<double> seconds_left(std::vector<MetricsLine> const& lines,
                                   std::int64_t total_steps) {
  std::vector<MetricsLine const*> last;
  for (auto line = lines.rbegin();
       line != lines.rend() && last.size() < kEtaLines; ++line)
    if (line->split == "train") last.push_back(&*line);
  if (last.size() < 2) return std::nullopt;
  auto const num_steps = last.front()->step - last.back()->step;
  double const seconds = last.front()->time_s - last.back()->time_s;
  // A clock that was set back, or a resumed run's lines in between.
  if (num_steps <= 0 || seconds <= 0) return std::nullopt;
  auto const steps_left =
      std::max<std::int64_t>(0, total_steps - last.front()->step);
  return static_cast<double>(steps_left) * seconds /
         static_cast<double>(num_steps);
}

std::vector<std::string> watch_frame(WatchedRun const& run, TerminalSize size,
                                     bool has_colours) {
  auto const colour = colours(has_colours);
  std::vector<std::string> text = {title(run.status, size.columns, colour),
                                   progress(run, size.columns)};
  for (auto& line : {speed(run, size.columns), phases(run, size.columns)})
    if (!line.empty()) text.push_back(line);
  auto const alerts = alert_lines(run, size.columns, colour);

  // Each plot has a heading and a line of steps.
  int const rows_left =
      size.rows - static_cast<int>(text.size() + alerts.size());
  int const plot_rows = std::min((rows_left - 4) / 2, kMostPlotRows);
  if (plot_rows >= kLeastPlotRows) {
    PlotOptions options{
        .columns = size.columns, .rows = plot_rows, .colour = colour.blue};
    text.push_back(cut("loss (\u00d7 validation)", size.columns));
    add_plot(text, run, "loss", options);
    options.is_percent = true;
    text.push_back(cut("top-1 (\u00d7 validation)", size.columns));
    add_plot(text, run, "top1", options);
  }
  text.insert(text.end(), alerts.begin(), alerts.end());
  if (text.size() > static_cast<std::size_t>(size.rows))
    text.resize(static_cast<std::size_t>(std::max(1, size.rows)));
  return text;
}

}  // namespace gasm
