// SPDX-License-Identifier: Apache-2.0
#include "svg_chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

namespace gasm {
namespace {

// Of the view box; the page scales it.
constexpr double kWidth = 420;
constexpr double kHeight = 230;
constexpr double kLeft = 62;
constexpr double kRight = 14;
constexpr double kTop = 12;
constexpr double kBottom = 46;
constexpr double kPlotWidth = kWidth - kLeft - kRight;
constexpr double kPlotHeight = kHeight - kTop - kBottom;
constexpr int kNumTicks = 5;

/// A range of values laid out along one axis.
struct Axis {
  double low = 0;
  double high = 1;
  double start = 0;  ///< where `low` lies, in units of the view box
  double end = 1;

  double at(double value) const {
    return start + (value - low) / (high - low) * (end - start);
  }
  /// Multiples of a nice step, from low to high.
  std::vector<double> ticks(double least_step) const {
    double const step =
        nice_width(std::max(least_step, (high - low) / kNumTicks));
    std::vector<double> values;
    double const tolerance = 1e-9 * (high - low);
    for (double k = std::ceil((low - tolerance) / step);
         k * step <= high + tolerance; ++k)
      values.push_back(k * step);
    return values;
  }
};

std::string number(double value) {
  if (std::abs(value) >= 1000 && value == std::round(value))
    return with_commas(static_cast<std::int64_t>(value));
  return fmt::format("{:.4g}", std::abs(value) < 1e-9 ? 0.0 : value);
}

std::string frame_of(Axis const& x, Axis const& y, std::string const& x_name,
                     std::string const& y_name, double least_x_step) {
  std::string svg;
  for (double const value : y.ticks(1)) {
    svg += fmt::format(
        R"(<line class="grid" x1="{0:.1f}" x2="{1:.1f}" y1="{2:.1f}" y2="{2:.1f}"/>)",
        x.start, x.end, y.at(value));
    svg += fmt::format(
        R"(<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>)",
        x.start - 6, y.at(value) + 4, number(value));
  }
  for (double const value : x.ticks(least_x_step)) {
    svg += fmt::format(
        R"(<line class="axis" x1="{0:.1f}" x2="{0:.1f}" y1="{1:.1f}" y2="{2:.1f}"/>)",
        x.at(value), y.start, y.start + 4);
    svg += fmt::format(
        R"(<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>)",
        x.at(value), y.start + 17, number(value));
  }
  svg += fmt::format(
      R"(<line class="axis" x1="{0:.1f}" x2="{1:.1f}" y1="{2:.1f}" y2="{2:.1f}"/>)",
      x.start, x.end, y.start);
  svg += fmt::format(
      R"(<text class="name" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>)",
      (x.start + x.end) / 2, kHeight - 8, escaped(x_name));
  return svg +
         fmt::format(
             R"svg(<text class="name" text-anchor="middle" transform="translate({:.1f} {:.1f}) rotate(-90)">{}</text>)svg",
             13.0, (y.start + y.end) / 2, escaped(y_name));
}

std::string bar(double left, double right, Axis const& y, std::int64_t count,
                std::string const& title) {
  if (count == 0) return {};
  // A thin line between bars that are wide enough for one.
  double const gap = right - left > 4 ? 1 : 0;
  // The least count must be seen, too.
  double const top = std::min(y.at(static_cast<double>(count)), y.start - 1);
  return fmt::format(
      R"(<rect class="bar" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}"><title>{}</title></rect>)",
      left, top, std::max(0.5, right - left - gap), y.start - top,
      escaped(title));
}

std::string wrapped(std::string const& name, std::string const& inner) {
  return fmt::format(
      R"(<svg viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">{}</svg>)",
      kWidth, kHeight, escaped(name), inner);
}

Axis count_axis(std::vector<std::int64_t> const& counts) {
  auto const most = static_cast<double>(std::ranges::max(counts));
  return {
      .low = 0, .high = most * 1.05, .start = kTop + kPlotHeight, .end = kTop};
}

}  // namespace

std::string escaped(std::string const& text) {
  std::string safe;
  for (char const c : text) switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        safe += c;
    }
  return safe;
}

std::string with_commas(std::int64_t number) {
  auto text = std::to_string(number);
  auto const first = number < 0 ? 1 : 0;
  for (auto at = std::ssize(text) - 3; at > first; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

std::string histogram_svg(Distribution const& distribution,
                          std::string const& x_name,
                          std::string const& y_name) {
  if (distribution.count == 0) return "<p class=\"none\">not known</p>";
  auto const& bins = distribution.histogram;
  auto const y = count_axis(bins.counts);
  Axis const x{
      .low = bins.first,
      .high = bins.first + bins.width * static_cast<double>(bins.counts.size()),
      .start = kLeft,
      .end = kLeft + kPlotWidth};
  auto inner = frame_of(x, y, x_name, y_name, 0);
  for (std::size_t i = 0; i < bins.counts.size(); ++i) {
    double const left = bins.first + bins.width * static_cast<double>(i);
    inner +=
        bar(x.at(left), x.at(left + bins.width), y, bins.counts[i],
            fmt::format("{} to {}: {}", number(left), number(left + bins.width),
                        with_commas(bins.counts[i])));
  }
  return wrapped(y_name + " by " + x_name, inner);
}

std::string ranked_svg(std::vector<std::int64_t> counts,
                       std::string const& x_name, std::string const& y_name) {
  if (counts.empty() || std::ranges::max(counts) == 0)
    return "<p class=\"none\">not known</p>";
  std::ranges::sort(counts, std::greater());
  auto const y = count_axis(counts);
  Axis const x{.low = 0.5,
               .high = static_cast<double>(counts.size()) + 0.5,
               .start = kLeft,
               .end = kLeft + kPlotWidth};
  auto inner = frame_of(x, y, x_name, y_name, 1);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    auto const rank = static_cast<double>(i + 1);
    inner += bar(x.at(rank - 0.5), x.at(rank + 0.5), y, counts[i],
                 fmt::format("class {}: {}", i + 1, with_commas(counts[i])));
  }
  return wrapped(y_name + " by " + x_name, inner);
}

}  // namespace gasm
