// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/prometheus.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <system_error>

#include "gasm/base/file.hpp"

namespace gasm {
namespace {

std::string escaped(std::string const& text, bool is_label) {
  std::string found;
  for (char const c : text) {
    if (c == '\n')
      found += "\\n";
    else if (c == '\\' || (is_label && c == '"'))
      (found += '\\') += c;
    else
      found += c;
  }
  return found;
}

std::string number_of(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

std::string labels_of(PrometheusLabels const& labels) {
  std::string text;
  for (auto const& [name, value] : labels)
    text += fmt::format("{}{}=\"{}\"", text.empty() ? "" : ",", name,
                        escaped(value, /*is_label=*/true));
  return text.empty() ? text : "{" + text + "}";
}

}  // namespace

std::string format_prometheus(std::span<PrometheusMetric const> metrics) {
  std::string text;
  for (auto const& metric : metrics) {
    if (metric.samples.empty()) continue;
    text += fmt::format(
        "# HELP {} {}\n# TYPE {} {}\n", metric.name,
        escaped(metric.help, /*is_label=*/false), metric.name,
        metric.type == PrometheusType::counter ? "counter" : "gauge");
    for (auto const& [labels, value] : metric.samples)
      text += fmt::format("{}{} {}\n", metric.name, labels_of(labels),
                          number_of(value));
  }
  return text;
}

Result<void> publish_prometheus(std::filesystem::path const& path,
                                std::span<PrometheusMetric const> metrics) {
  auto temporary = path;
  temporary += fmt::format(".tmp-{}", ::getpid());
  auto const write_all = [&]() -> Result<void> {
    auto file = FileWriter::open(temporary, FileWriter::Mode::truncate);
    if (!file) return tl::unexpected(file.error());
    if (auto done = file->write(format_prometheus(metrics)); !done) return done;
    return file->close();
  };
  auto done = write_all();
  std::error_code why;
  if (done) std::filesystem::rename(temporary, path, why);
  if (why)
    done = failure("cannot put in place {} ({})", path.string(), why.message());
  if (!done) std::filesystem::remove(temporary, why);
  return done;
}

}  // namespace gasm
