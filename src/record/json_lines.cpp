// SPDX-License-Identifier: Apache-2.0
#include "json_lines.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace gasm::record_detail {

std::string to_json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false,
                                   nlohmann::json::error_handler_t::replace);
}

std::string to_json_number(double value) {
  return std::isfinite(value) ? fmt::format("{:.9g}", value) : "null";
}

std::string to_json_time(double time_s) {
  return fmt::format("{:.3f}", time_s);
}

std::string_view whole_lines(std::string_view text) {
  auto const end = text.rfind('\n');
  return end == std::string_view::npos ? text.substr(0, 0)
                                       : text.substr(0, end + 1);
}

std::string_view take_line(std::string_view& text) {
  auto const end = text.find('\n');
  auto const line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace gasm::record_detail
