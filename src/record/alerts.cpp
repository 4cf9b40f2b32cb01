// SPDX-License-Identifier: Apache-2.0
#include "gasm/record/alerts.hpp"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "gasm/base/clock.hpp"
#include "gasm/base/file.hpp"
#include "json_lines.hpp"

namespace gasm {
namespace {

bool ends_in_mid_line(std::filesystem::path const& path) {
  std::ifstream file(path, std::ios::binary);
  char last = '\n';
  if (file.seekg(-1, std::ios::end)) file.get(last);
  return last != '\n';
}

}  // namespace

Result<void> append_alert(std::filesystem::path const& path, Alert alert) {
  using namespace record_detail;
  if (alert.time_s == 0.0) alert.time_s = unix_time_s();
  auto const line = fmt::format(
      R"({}{{"t": {}, "step": {}, "kind": {}, "text": {}}}{})",
      ends_in_mid_line(path) ? "\n" : "", to_json_time(alert.time_s),
      alert.step, to_json_string(alert.kind), to_json_string(alert.text), "\n");
  auto file = FileWriter::open(path, FileWriter::Mode::append);
  if (!file) return tl::unexpected(file.error());
  if (auto written = file->write(line); !written) return written;
  return file->close();
}

Result<std::vector<Alert>> read_alerts(std::filesystem::path const& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::vector<Alert>{};
  auto const text = read_text(path);
  if (!text) return tl::unexpected(text.error());
  std::vector<Alert> alerts;
  auto rest = record_detail::whole_lines(*text);
  while (!rest.empty()) {
    auto const line = record_detail::take_line(rest);
    try {
      auto const json = nlohmann::json::parse(line);
      alerts.push_back(
          {json.at("t"), json.at("step"), json.at("kind"), json.at("text")});
    } catch (nlohmann::json::exception const&) {
      continue;
    }
  }
  return alerts;
}

}  // namespace gasm
