// SPDX-License-Identifier: Apache-2.0
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "gasm/base/build_info.hpp"
#include "gasm/care/data_stats.hpp"
#include "page_style.hpp"
#include "svg_chart.hpp"

namespace gasm {
namespace {

constexpr std::size_t kMostListed = 50;
constexpr std::size_t kMostCounted = 8;

std::string cell(std::string const& text) {
  return "<td>" + escaped(text) + "</td>";
}
std::string num_cell(std::string const& text) {
  return "<td class=\"num\">" + escaped(text) + "</td>";
}
std::string count_cell(std::int64_t count) {
  return num_cell(with_commas(count));
}
std::string real_cell(double value, int digits) {
  return num_cell(fmt::format("{:.{}f}", value, digits));
}

/// Head cells; those that begin with '#' stand over numbers.
std::string head(std::vector<std::string> const& names) {
  std::string row = "<thead><tr>";
  for (auto const& name : names)
    row += name.starts_with('#')
               ? "<th class=\"num\">" + escaped(name.substr(1)) + "</th>"
               : "<th>" + escaped(name) + "</th>";
  return row + "</tr></thead>";
}

std::int64_t num_used(SplitStats const& split) {
  return std::ranges::count_if(
      split.classes, [](ClassStats const& c) { return c.num_clips > 0; });
}

// ---- overview

std::string overview(DataStats const& stats) {
  std::string rows;
  for (auto const& split : stats.splits) {
    auto const count = static_cast<double>(split.frames.count);
    rows += "<tr>" + cell(split.split) + count_cell(split.num_clips) +
            num_cell(fmt::format("{} of {}", num_used(split),
                                 stats.classes.size())) +
            count_cell(split.num_unlabelled) +
            real_cell(static_cast<double>(split.num_bytes) / 1e6, 1) +
            count_cell(std::llround(split.frames.mean * count)) +
            count_cell(split.num_measured) +
            count_cell(std::ssize(split.errors)) + cell(split.path) +
            "<td class=\"mono\">" + split.data_hash + "</td></tr>";
  }
  return "<h2>Stores</h2><div class=\"wide\"><table>" +
         head({"Split", "#Clips", "#Classes used", "#Without label", "#MB",
               "#Frames", "#Measured", "#Failed", "File", "Data hash"}) +
         "<tbody>" + rows + "</tbody></table></div>";
}

// ---- one split

std::string count_table(std::string const& name, Counts const& counts) {
  std::vector<std::pair<std::string, std::int64_t>> sorted(counts.begin(),
                                                           counts.end());
  std::ranges::stable_sort(sorted, std::greater(),
                           [](auto const& pair) { return pair.second; });
  std::string rows;
  std::int64_t num_other = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i >= kMostCounted) {
      num_other += sorted[i].second;
      continue;
    }
    rows +=
        "<tr>" + cell(sorted[i].first) + count_cell(sorted[i].second) + "</tr>";
  }
  if (num_other > 0)
    rows += "<tr>" +
            cell(fmt::format("{} others", sorted.size() - kMostCounted)) +
            count_cell(num_other) + "</tr>";
  return "<table class=\"small\">" + head({name, "#Clips"}) + "<tbody>" + rows +
         "</tbody></table>";
}

std::string figure_row(std::string const& name, Distribution const& d,
                       int digits) {
  auto const value = [&](double v) {
    return d.count > 0 ? real_cell(v, digits) : num_cell("-");
  };
  return "<tr>" + cell(name) + count_cell(d.count) + value(d.mean) +
         value(d.std) + value(d.min) + value(d.p05) + value(d.median) +
         value(d.p95) + value(d.max) + "</tr>";
}

std::string figure(std::string const& title, std::string const& svg) {
  return "<figure><figcaption>" + escaped(title) + "</figcaption>" + svg +
         "</figure>";
}

std::string split_section(SplitStats const& split) {
  std::vector<std::int64_t> class_counts;
  for (auto const& c : split.classes) class_counts.push_back(c.num_clips);
  auto const clips = std::string("clips");
  auto html = fmt::format(
      "<h2>{}</h2><p class=\"note\">{} clips; {} of them decoded for "
      "seconds, brightness and motion.</p>",
      escaped(split.split), with_commas(split.num_clips),
      with_commas(split.num_measured));
  html += "<div class=\"wide\"><table>" +
          head({"Figure", "#Clips", "#Mean", "#Std", "#Min", "#5 %", "#Median",
                "#95 %", "#Max"}) +
          "<tbody>" + figure_row("Frames", split.frames, 1) +
          figure_row("Seconds", split.seconds, 2) +
          figure_row("File size, kB", split.kilobytes, 1) +
          figure_row("Brightness, levels", split.brightness, 1) +
          figure_row("Motion, levels", split.motion, 2) +
          "</tbody></table></div><div class=\"figures\">";
  html += figure("Clips per class, most frequent first",
                 ranked_svg(class_counts, "class, by frequency", clips));
  html +=
      figure("Length in frames", histogram_svg(split.frames, "frames", clips));
  html += figure("Length in seconds",
                 histogram_svg(split.seconds, "seconds", clips));
  html +=
      figure("File size", histogram_svg(split.kilobytes, "kilobytes", clips));
  html += figure(
      "Brightness",
      histogram_svg(split.brightness, "mean luma, levels of 255", clips));
  html +=
      figure("Motion energy",
             histogram_svg(split.motion,
                           "mean luma difference of frames, levels", clips));
  html += "</div><div class=\"tables\">" +
          count_table("Frame size, pixels", split.sizes) +
          count_table("Frames a second", split.frame_rates) +
          count_table("Codec", split.codecs) + "</div>";
  return html;
}

// ---- classes

/// A bar and the number beside it.
std::string bar_cell(std::int64_t count, std::int64_t most) {
  double const share =
      most > 0 ? 100.0 * static_cast<double>(count) / static_cast<double>(most)
               : 0.0;
  return fmt::format(
      R"(<td class="bars"><svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="bar" width="{:.2f}" height="10"/></svg></td>{})",
      share, count_cell(count));
}

std::string class_section(DataStats const& stats) {
  std::vector<std::string> names = {"#Label", "Class"};
  std::vector<std::int64_t> most;
  for (auto const& split : stats.splits) {
    names.push_back(split.split);
    names.push_back("#Clips");
    std::int64_t largest = 0;
    for (auto const& c : split.classes)
      largest = std::max(largest, c.num_clips);
    most.push_back(largest);
  }
  for (auto const* name : {"#Frames", "#Seconds", "#Brightness", "#Motion"})
    names.push_back(name);
  std::string rows;
  for (std::size_t i = 0; i < stats.classes.size(); ++i) {
    rows += "<tr>" + count_cell(static_cast<std::int64_t>(i)) +
            "<td class=\"class\">" + escaped(stats.classes[i]) + "</td>";
    for (std::size_t s = 0; s < stats.splits.size(); ++s)
      rows += bar_cell(stats.splits[s].classes[i].num_clips, most[s]);
    auto const& first = stats.splits.front().classes[i];
    bool const is_measured = first.num_measured > 0;
    auto const value = [&](double v, int digits) {
      return is_measured ? real_cell(v, digits) : num_cell("-");
    };
    rows += (first.num_clips > 0 ? real_cell(first.mean_frames, 1)
                                 : num_cell("-")) +
            value(first.mean_seconds, 2) + value(first.mean_brightness, 1) +
            value(first.mean_motion, 2) + "</tr>";
  }
  return fmt::format(
             "<h2>Classes</h2><p class=\"note\">Bars: clips, each split on a "
             "scale of its own. The four columns to the right are means of "
             "{}.</p>",
             escaped(stats.splits.front().split)) +
         "<div class=\"wide\"><table class=\"classes\">" + head(names) +
         "<tbody>" + rows + "</tbody></table></div>";
}

// ---- lists

std::string duplicates_section(DataStats const& stats) {
  std::string items;
  for (std::size_t i = 0; i < stats.duplicates.size() && i < kMostListed; ++i)
    items += fmt::format(
        "<li>{}</li>",
        escaped(fmt::format("{}", fmt::join(stats.duplicates[i], " = "))));
  if (stats.duplicates.size() > kMostListed)
    items += fmt::format("<li>and {} more</li>",
                         stats.duplicates.size() - kMostListed);
  return "<h2>Clips with equal bytes</h2>" +
         (items.empty() ? "<p class=\"note\">None.</p>"
                        : "<ul>" + items + "</ul>");
}

std::string errors_section(DataStats const& stats) {
  std::string items;
  std::size_t num = 0;
  for (auto const& split : stats.splits)
    for (auto const& [id, why] : split.errors)
      if (num++ < kMostListed)
        items += fmt::format("<li>{}</li>",
                             escaped(split.split + ":" + id + ": " + why));
  if (num > kMostListed)
    items += fmt::format("<li>and {} more</li>", num - kMostListed);
  return "<h2>Clips that could not be decoded</h2>" +
         (items.empty() ? "<p class=\"note\">None.</p>"
                        : "<ul>" + items + "</ul>");
}

}  // namespace

std::string stats_page(DataStats const& stats) {
  std::int64_t num_clips = 0;
  for (auto const& split : stats.splits) num_clips += split.num_clips;
  auto html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\"><title>Data statistics</title><style>{}</style>"
      "</head>\n<body><main><h1>Data statistics</h1><p class=\"lead\">{} clips "
      "of {} classes in {} {}.</p>\n",
      page_style, with_commas(num_clips), stats.classes.size(),
      stats.splits.size(), stats.splits.size() == 1 ? "store" : "stores");
  html += overview(stats) + "\n";
  for (auto const& split : stats.splits) html += split_section(split) + "\n";
  if (!stats.splits.empty()) html += class_section(stats) + "\n";
  html += duplicates_section(stats) + errors_section(stats);
  return html +
         fmt::format(
             "\n<footer>Brightness is the mean luma (BT.601) of up to {} "
             "evenly spread frames at an eighth of their size; motion the mean "
             "absolute difference of luma between consecutive ones of them. "
             "gasm {}.</footer></main></body></html>\n",
             stats.num_frames, build_info().version);
}

}  // namespace gasm
